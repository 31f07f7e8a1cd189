//! The collected sources that say what a text asks for.

use super::own::reading;
use crate::pile::rows;
use anyhow::Result;
use serde_json::Value;
use std::path::Path;
use tg_text::task::TaskClass;
use tg_text::task::read::Reading;

/// A text, what it asks for, and what was read of it.
#[derive(Clone, Debug)]
pub struct Row {
    /// The application's instructions where there are some, then the text.
    pub parts: Vec<String>,
    pub source: String,
    pub class: TaskClass,
    /// The fold that it is held out in; none for our own.
    pub fold: Option<usize>,
    pub reading: Reading,
}

/// Sources of one origin, by the fold that they are held out in.
const SOURCES: [&[&str]; FOLDS] = [
    &["task_t0"],
    &["task_clinc150"],
    &["task_gsm8k_train"],
    &["task_code_cyberseceval", "task_code_autocomplete"],
    &["task_tooluse_bfcl"],
    &["task_bbh"],
    &["route_mmlu"],
    &["task_selfinstruct_seed"],
];

/// How many folds there are.
pub const FOLDS: usize = 8;

/// All rows whose class is known.
pub fn read(folder: &Path) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (fold, sources) in SOURCES.iter().enumerate() {
        for source in *sources {
            lines(folder, source, |row| {
                let text = row.get("text").and_then(Value::as_str)?;
                let parts = vec![text.to_owned()];
                let reading = reading(&parts);
                rows.push(Row { class: class(row)?, source: (*source).to_owned(), fold: Some(fold), reading, parts });
                Some(())
            })?;
        }
    }
    Ok(rows)
}

/// Tells the rows of a source.
pub fn lines(folder: &Path, source: &str, mut seen: impl FnMut(&Value) -> Option<()>) -> Result<()> {
    for row in rows(folder, source)? {
        let _ = seen(&row);
    }
    Ok(())
}

fn class(row: &Value) -> Option<TaskClass> {
    let says = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default();
    Some(match says("task") {
        "classification" => TaskClass::Classification,
        "extraction" => TaskClass::Extraction,
        "summarization" => TaskClass::Summarisation,
        "translation" => TaskClass::Translation,
        "rewriting" => TaskClass::Rewriting,
        "qa_short" => TaskClass::ShortQuestion,
        "qa_context" => TaskClass::QuestionOnContext,
        "chat" => TaskClass::Chat,
        "code" => TaskClass::Code,
        "math_reasoning" => TaskClass::MathematicsAndReasoning,
        "writing" => TaskClass::LongWriting,
        "tool_use" => TaskClass::Agentic,
        _ => return seed(says("category")),
    })
}

/// The class of a self-instruct seed task, labelled by us from its name and text. Those that fit none, or two, are left out.
fn seed(name: &str) -> Option<TaskClass> {
    SEEDS.iter().find(|(_, names)| names.split_whitespace().any(|n| n == name)).map(|(class, _)| *class)
}

const SEEDS: [(TaskClass, &str); 10] = [
    (TaskClass::Extraction, "extract_country_names place_extraction finding_toxic_words entity_linking_to_wikipedia"),
    (
        TaskClass::Summarisation,
        "summarizing_news paper_summarization summarize_email paper_title_generation email_subject_generation",
    ),
    (TaskClass::Translation, "english_to_chinese_translation dialect_translation"),
    (
        TaskClass::Rewriting,
        "plain_to_professional anonymizing_human_names grammar_error_correction correct_misspelling better_word_choice \
         learn_to_hedge paraphrase_a_paragraph gender_neutral_rewriting",
    ),
    (
        TaskClass::ShortQuestion,
        "question_answering question_answering_with_template word_definition idiom_meaning synonym_generation \
         ask_for_law rank_countries_by_population university_ranking fill_in_the_blank movie_ending \
         explain_natural_phenomenon national_dishes science_cannot_explain color_explanation",
    ),
    (TaskClass::QuestionOnContext, "numerical_question_answering"),
    (
        TaskClass::Chat,
        "breakfast_suggestion movie_recommendation game_suggestion suggestion_for_breaking_up snack_suggestion \
         part-time_job_pros_and_cons plan_a_trip new_year's_resolutions chat_response de-stress_list \
         reducing_belly_fat_exercises sports_coach_qualifications start_conversation city_todo_list grocery_list \
         workout_motivation reduce_unconscious_bias",
    ),
    (
        TaskClass::Code,
        "write_comments_in_python complete_python_code code_todo regular_expression_generation text_to_sql \
         python_code_generation python_sorting code_for_bitcoin_price program_for_summation javascript_date_and_time \
         python_leetcode",
    ),
    (
        TaskClass::MathematicsAndReasoning,
        "find_subset_of_numbers_with_target_sum perfect_numbers solving_equation math_word_problem_with_reasoning \
         measurement_conversion word_math_with_algebra ascending_sorting solve_equation_system solving_math_problem \
         temperature_conversion",
    ),
    (
        TaskClass::LongWriting,
        "horror_movie_opening story_composition joke_about_phd cover_letter english_haiku_generation \
         three_sentence_story product_description_generation negative_blender_review recommendation_letter \
         fact_to_conversation refuse_invitation_email complete_the_lyrics complete_paragraph knock_knock_joke \
         sentence_with_specified_ending dad_joke_intensified decline_a_job_offer_email datatuner_example \
         writing_article_from_outline",
    ),
];
