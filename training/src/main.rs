//! Trains the scores of `tg-text`, and says how well they do on sources that were held out.

mod borrowed;
mod dice;
mod example;
mod folder;
mod folds;
mod forms;
mod grammar;
mod judge;
mod learn;
mod pile;
mod printed;
mod scraps;
mod tasks;
mod written;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use dice::Dice;
use example::{Example, Use};
use folds::{FOLDS, fold};
use judge::Row;
use learn::{Learner, Settings};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tg_text::score::model::{ANY, INDIRECT, INJECTION, Model, OUTPUTS};

/// Trains the scores of `tg-text`.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    what: What,
    /// Folder with the collected sources
    #[arg(long, global = true, default_value = "data/train")]
    data: PathBuf,
    /// Folder with the pieces of files that `training/files.py` collects
    #[arg(long, global = true, default_value = "target/training")]
    files: PathBuf,
    /// A setting of the training: `rounds=8`; may be given several times
    #[arg(long, global = true)]
    set: Vec<String>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Learn from everything and write the weights
    Train {
        /// The file to write
        #[arg(long, default_value = "crates/tg-text/weights/model.bin")]
        out: PathBuf,
        /// Write the table of results, which the marks need anyway, into the model cards too
        #[arg(long)]
        cards: bool,
    },
    /// Hold out each group of sources in turn, learn from the others, and print what is found of it
    Eval {
        /// Only this fold
        #[arg(long)]
        fold: Option<usize>,
        /// Print the texts that were missed and the loudest harmless ones
        #[arg(long)]
        errors: bool,
        /// Write the table into the model cards too
        #[arg(long)]
        cards: bool,
    },
    /// Print what is found by its form, without training: personal data and credentials
    EvalForms {
        /// Write the tables into the model cards too
        #[arg(long)]
        cards: bool,
    },
    /// Print examples of our own texts
    Texts {
        /// Only of families whose name contains this
        family: String,
    },
    /// Learn the tasks of calls from everything and write their weights
    TrainTasks {
        /// The file to write
        #[arg(long, default_value = "crates/tg-text/weights/task.bin")]
        out: PathBuf,
        /// Write the results into the model card too
        #[arg(long)]
        cards: bool,
    },
    /// Hold out each source of tasks in turn, learn from the others, and print what is told of it
    EvalTasks {
        /// Print texts that were told wrongly
        #[arg(long)]
        errors: bool,
        /// Write the results into the model card too
        #[arg(long)]
        cards: bool,
    },
    /// Print examples of our own texts that ask for something
    TaskTexts {
        /// Only of families whose name contains this
        family: String,
    },
    /// Score each line of a file with weights that were written
    Score {
        /// The texts
        file: PathBuf,
    },
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let settings = || settings(&cli);
    match &cli.what {
        What::Train { out, cards } => train(&examples(&cli)?, settings()?, out, *cards),
        What::Eval { fold, errors, cards } => {
            eval(&examples(&cli)?, settings()?, *fold, *errors, *cards)?;
            eval_forms(&cli.data, *cards)
        }
        What::EvalForms { cards } => eval_forms(&cli.data, *cards),
        What::TrainTasks { out, cards } => tasks::train(&cli.data, &cli.set, out, *cards),
        What::EvalTasks { errors, cards } => tasks::eval(&cli.data, &cli.set, *cards, *errors),
        What::TaskTexts { family } => tasks::texts(&cli.data, family),
        What::Texts { family } => texts(&cli.data, family),
        What::Score { file } => score(file),
    }
}

fn settings(cli: &Cli) -> Result<Settings> {
    let mut settings = Settings::default();
    cli.set.iter().try_for_each(|setting| settings.set(setting))?;
    Ok(settings)
}

fn say(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot print")
}

fn own(data: &Path) -> Result<Vec<Example>> {
    let mut grammar = grammar::Grammar::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("texts"))?;
    for (word, text) in pile::coarse(data) {
        grammar.add(word, [text]);
    }
    Ok(grammar.examples())
}

fn examples(cli: &Cli) -> Result<Vec<Example>> {
    let first = || format!("first: python training/files.py {}", cli.files.display());
    let mut all = pile::read(&[&cli.data, &cli.files]).with_context(first)?;
    all.extend(own(&cli.data)?);
    all.extend(written::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("texts/written"))?);
    Ok(all)
}

fn learn(examples: &[Example], settings: Settings, seed: u64) -> Model {
    let mut all = examples.to_vec();
    all.extend(grammar::planted(examples, &mut Dice::new(seed ^ 1)));
    all.extend(borrowed::prompts(examples, settings.borrowed, &mut Dice::new(seed ^ 2)));
    all.extend(scraps::scraps(examples, settings.scraps, &mut Dice::new(seed ^ 3)));
    // What is strange stays so: it is measured by what people write.
    let surprise = learn::surprise(&all);
    all.extend(printed::texts(settings.printed, &mut Dice::new(seed ^ 4)));
    let mut learner = Learner::new(settings, surprise, seed);
    learner.learn(&all);
    learner.finish()
}

/// The marks come from the harmless texts that the training has seen, and are put up by what unseen ones are louder.
fn train(examples: &[Example], settings: Settings, out: &Path, cards: bool) -> Result<()> {
    let (held, rows) = held_out(examples, settings, None, false)?;
    if cards {
        write_cards(&rows)?;
        say(&judge::table(&rows))?;
    }
    let mut model = learn(examples, settings, 1);
    model.marks = held;
    std::fs::write(out, model.write()).with_context(|| format!("cannot write {}", out.display()))?;
    say(&format!("wrote {}; marks {:?}\n", out.display(), model.marks))
}

/// The marks over all folds (each text judged by the model that has not seen its source), and the rows.
fn held_out(
    examples: &[Example],
    settings: Settings,
    only: Option<usize>,
    errors: bool,
) -> Result<([[f32; 2]; OUTPUTS], Vec<Row>)> {
    let folds: Vec<usize> = (0..FOLDS).filter(|f| only.is_none_or(|only| only == *f)).collect();
    let mut rows = Vec::new();
    let mut quiet: Vec<(bool, [f32; OUTPUTS])> = Vec::new();
    for pair in folds.chunks(2) {
        let results = std::thread::scope(|scope| {
            let run = |f: usize| {
                scope.spawn(move || {
                    let others: Vec<Example> = examples.iter().filter(|e| fold(&e.source) != f).cloned().collect();
                    let model = learn(&others, settings, f as u64 + 10);
                    judge::judge(&model, examples.iter().filter(|e| fold(&e.source) == f))
                })
            };
            let threads: Vec<_> = pair.iter().map(|f| run(*f)).collect();
            threads.into_iter().filter_map(|t| t.join().ok()).collect::<Vec<_>>()
        });
        for judged in results {
            if errors {
                say(&worst(&judged))?;
            }
            rows.extend(judge::rows(&judged));
            // Where our own texts are held out, a model lacks what the final one has: the collected sources set its marks.
            let of_pool = judged.iter().filter(|j| {
                matches!(j.example.used, Use::Ordinary | Use::Document)
                    && judge::whose(&j.example.source) == "collected"
            });
            quiet.extend(of_pool.map(|j| (j.example.used == Use::Document, j.logits)));
        }
    }
    let marks = std::array::from_fn(|output| {
        let fits = |document: bool| document == (output == INDIRECT);
        judge::marks(quiet.iter().filter(|(d, _)| fits(*d)).map(|(_, l)| l[output]).collect())
    });
    Ok((marks, rows))
}

fn eval(examples: &[Example], settings: Settings, only: Option<usize>, errors: bool, cards: bool) -> Result<()> {
    let (_, rows) = held_out(examples, settings, only, errors)?;
    if cards {
        write_cards(&rows)?;
    }
    say(&judge::table(&rows))
}

/// What needs no training.
fn eval_forms(data: &Path, cards: bool) -> Result<()> {
    let forms::Forms { pii, secrets } = forms::judge(data)?;
    if cards {
        write_card("pii", &pii)?;
        write_card("secrets", &secrets)?;
    }
    say(&format!("\n## Personal data\n\n{pii}\n## Credentials\n\n{secrets}"))
}

/// Puts the rows of each head into its card.
fn write_cards(rows: &[Row]) -> Result<()> {
    for head in ["injection", "indirect", "harm"] {
        let rows: Vec<Row> = rows.iter().filter(|row| row.head == head).cloned().collect();
        write_card(head, &judge::table(&rows))?;
    }
    Ok(())
}

/// Puts results into a card, behind the mark.
fn write_card(name: &str, results: &str) -> Result<()> {
    const MARK: &str = "<!-- results: written by `training eval --cards` -->\n";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("cards/{name}.md"));
    let card = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let (front, _) = card.split_once(MARK).with_context(|| format!("{} has no mark", path.display()))?;
    std::fs::write(&path, format!("{front}{MARK}\n{results}")).with_context(|| path.display().to_string())
}

/// The loudest harmless texts and the quietest bad ones.
fn worst(judged: &[judge::Judged<'_>]) -> String {
    let mut out = String::new();
    for (output, name) in [(INJECTION, "injection"), (ANY, "harm")] {
        for (bad, head) in [(false, "loudest harmless"), (true, "quietest bad")] {
            let fits = |j: &&judge::Judged<'_>| j.example.targets[output] == f32::from(u8::from(bad));
            let mut all: Vec<_> = judged.iter().filter(fits).collect();
            all.sort_by(|a, b| b.logits[output].total_cmp(&a.logits[output]));
            if bad {
                all.reverse();
            }
            for j in all.iter().take(25) {
                let start: String = j.example.text.chars().take(160).collect();
                out += &format!("{name} {head} {:.2} {} {start:?}\n", j.logits[output], j.example.source);
            }
        }
    }
    out
}

fn texts(data: &Path, family: &str) -> Result<()> {
    for example in own(data)?.iter().filter(|e| e.source.contains(family)) {
        say(&format!("[{}] {:?}\n", example.source, example.text))?;
    }
    Ok(())
}

fn score(file: &Path) -> Result<()> {
    for line in std::fs::read_to_string(file)?.lines() {
        let view = tg_text::view::View::of(line);
        let scores = tg_text::score::Scores::of(&view);
        let (harm, worst) = scores.worst_harm();
        let (one, two, three) = (scores.injection.value, scores.indirect.value, worst.value);
        say(&format!("{one:.3} {two:.3} {three:.3} {:<12} {:?} {line}\n", harm.name(), scores.severity))?;
    }
    Ok(())
}
