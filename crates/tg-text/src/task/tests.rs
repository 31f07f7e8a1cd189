//! What the task of a call is, whatever it holds.

use super::*;
use proptest::prelude::*;

#[test]
fn plain_requests_are_told_apart() {
    for (text, class) in [
        ("Translate the following into French: The train leaves at nine.", TaskClass::Translation),
        (
            "Summarize the article below in two sentences.\n\nThe council met on Monday. It talked for six hours about the new bridge. In the end nothing was decided, and the members went home.",
            TaskClass::Summarisation,
        ),
        (
            "Is the sentiment of this review positive or negative?\n\nThe food was cold and the waiter was rude.",
            TaskClass::Classification,
        ),
        ("Write a Python function that reverses a linked list.", TaskClass::Code),
        (
            "A farmer has 17 sheep and buys 4 more each week. How many sheep does he have after 6 weeks?",
            TaskClass::MathematicsAndReasoning,
        ),
        ("hi! how are you today?", TaskClass::Chat),
        ("Write a short story about a lighthouse keeper who is afraid of the sea.", TaskClass::LongWriting),
        ("Extract all names and dates from the text: On 3 May Ann Lee met Bob Ray.", TaskClass::Extraction),
        ("What is the capital of Mongolia?", TaskClass::ShortQuestion),
        ("Übersetze den folgenden Satz ins Englische: Der Zug fährt um neun.", TaskClass::Translation),
    ] {
        let task = task_of(text, &Facts::default());
        assert_eq!(task.class, class, "{text}: {task:?}");
    }
}

#[test]
fn facts_go_before_text() {
    let text = "What is the capital of Mongolia?";
    let tools = Facts { tools: true, turns: 3, ..Facts::default() };
    assert_eq!(task_of(text, &tools).class, TaskClass::Agentic);
    let plain = Facts::default();
    let sure = |text: &str, facts: &Facts, class| {
        let task = task_of(text, facts);
        if task.class == class { task.confidence } else { 0.0 }
    };
    let table = "Book a table for two at seven.";
    let offered = Facts { tools: true, turns: 1, ..plain };
    assert!(sure(table, &offered, TaskClass::Agentic) > sure(table, &plain, TaskClass::Agentic));
    let unread = Facts { has_system: true, ..plain };
    assert!(sure(text, &unread, TaskClass::ShortQuestion) < sure(text, &plain, TaskClass::ShortQuestion));
    let long = Facts { input_bytes: 100_000, ..plain };
    assert!(sure(text, &long, TaskClass::ShortQuestion) < sure(text, &plain, TaskClass::ShortQuestion));
    let story = "Write a short story about a lighthouse keeper who is afraid of the sea.";
    let (few, schema) = (Facts { output_tokens_max: Some(8), ..plain }, Facts { schema: true, ..plain });
    for facts in [few, schema] {
        assert!(sure(story, &facts, TaskClass::LongWriting) < sure(story, &plain, TaskClass::LongWriting), "{facts:?}");
    }
    let named = "Extract all names and dates from the text: On 3 May Ann Lee met Bob Ray.";
    let shown = Facts { images: 1, ..plain };
    assert!(sure(named, &shown, TaskClass::Extraction) != sure(named, &plain, TaskClass::Extraction));
}

#[test]
fn instructions_of_the_application_hold_the_task() {
    let system = View::of("Classify the customer's message as billing, delivery or other. Answer with the label only.");
    let user = View::of("My parcel has not arrived yet and the tracking page shows nothing.");
    assert_eq!(task_with(Some(&system), &user, &Facts::default()).class, TaskClass::Classification);
}

#[test]
fn names_lead_back_and_differ() {
    for class in TaskClass::ALL {
        assert_eq!(TaskClass::named(class.as_str()), Some(class));
    }
    assert_eq!(TaskClass::named("singing"), None);
}

fn facts() -> impl Strategy<Value = Facts> {
    (any::<[bool; 3]>(), any::<u32>(), any::<u32>(), any::<u64>(), any::<Option<u64>>()).prop_map(
        |([tools, schema, has_system], images, turns, input_bytes, output_tokens_max)| Facts {
            tools,
            schema,
            images,
            turns,
            input_bytes,
            has_system,
            output_tokens_max,
        },
    )
}

fn sound(task: &Task) -> bool {
    (0.0..=1.0).contains(&task.confidence) && (0.0..=1.0).contains(&task.difficulty)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_have_a_task(bytes in prop::collection::vec(any::<u8>(), 0..12_000), facts in facts()) {
        let text = String::from_utf8_lossy(&bytes);
        prop_assert!(sound(&task_of(&text, &facts)));
        prop_assert!(sound(&task_with(Some(&View::of(&text)), &View::of(&text), &facts)));
    }

    #[test]
    fn any_text_has_the_same_task_with_the_view_of_the_checks(text in crate::view::tests::tricky(), facts in facts()) {
        prop_assert_eq!(task(&View::of(&text), &facts), task_of(&text, &facts));
    }

    #[test]
    fn what_lies_deep_within_a_long_text_changes_nothing(inner in "[a-z .\n]{0,400}") {
        let around = "The committee met again. ".repeat(400);
        let text = |inner: &str| format!("Summarize this.\n\n{around}{inner}{around}\n\nIn one sentence, please.");
        prop_assert_eq!(task_of(&text(&inner), &Facts::default()), task_of(&text(""), &Facts::default()));
    }
}
