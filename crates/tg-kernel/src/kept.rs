//! In how many comparisons a cheaper answer was as good, between which shares the true one lies, and below what that is too
//! few.

/// The quantile of the normal distribution for an interval that holds in 95 of 100 cases.
const Z: f64 = 1.959_963_984_540_054;

/// The quantile by which a rule is switched off. It is looked after each comparison: with [`Z`] one rule in five whose share is
/// just its floor would be switched off by chance within a thousand of them, with this about one in a hundred.
const Z_DECIDES: f64 = 3.3;

/// Below what a rule is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Floor {
    /// The least share of comparisons in which the cheaper answer must be as good, in millionths.
    pub millionths: u32,
    /// The fewest comparisons that decide.
    pub samples_min: u32,
}

/// Of so many comparisons, in so many the cheaper answer was as good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// In so many it was as good.
    pub kept: u32,
    /// Comparisons.
    pub of: u32,
}

impl Kept {
    /// Between which shares the true one lies with 95 % certainty (Wilson's score interval): from 0 to 1, the first the lower.
    /// Nothing is known before the first comparison: then it is all.
    #[must_use]
    pub fn interval(self) -> (f64, f64) {
        self.interval_by(Z)
    }

    fn interval_by(self, z: f64) -> (f64, f64) {
        if self.of == 0 {
            return (0.0, 1.0);
        }
        let (n, z2) = (f64::from(self.of), z * z);
        let p = f64::from(self.kept.min(self.of)) / n;
        let middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
        ((middle - half).clamp(0.0, p), (middle + half).clamp(p, 1.0))
    }

    /// Whether it is certain that the floor is not kept, also for who asks after each comparison.
    #[must_use]
    pub fn is_below(self, floor: Floor) -> bool {
        self.of >= floor.samples_min.max(1) && self.interval_by(Z_DECIDES).1 < f64::from(floor.millionths) / 1e6
    }
}
