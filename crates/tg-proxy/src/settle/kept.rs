//! Where an answer is kept that later calls may name: noted before its caller hears the name to its end.

use super::Settlement;
use crate::choose::kept;
use tg_kernel::target::Target;

impl Settlement {
    /// The call's provider calls its answer so, and may keep it.
    pub(crate) fn is_called(&self, id: Option<&str>) {
        let Some((draft, id)) = self.0.as_deref().zip(id) else { return };
        let served = draft.record.served.as_ref().filter(|_| draft.snapshot.routes.has_choices());
        let Some(served) = served else { return };
        let living = &draft.worker.living;
        let target = Target { provider: served.provider.clone(), model: served.model.clone() };
        let kept = kept::answer(&draft.record.attribution.team, id);
        living.sessions.keepers.note(kept, &target, living.clock.monotonic());
    }
}
