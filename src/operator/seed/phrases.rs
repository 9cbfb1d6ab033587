//! The texts of demo data, grouped by theme. Each theme becomes one list of a user.
//!
//! **Invariant:** every text satisfies the rules for requests, because the stores do not check them.

#[derive(Debug)]
pub(super) struct Theme {
    pub(super) list: &'static str,
    pub(super) color: &'static str,
    /// `{}` stands for one of `things`.
    pub(super) tasks: &'static [&'static str],
    pub(super) things: &'static [&'static str],
    /// Recurring todos with their rules (RFC 5545 §3.3.10). `{day}` and `{date}` stand for the weekday and the day of
    /// the month of the due date.
    pub(super) routines: &'static [(&'static str, &'static str)],
    pub(super) steps: &'static [&'static str],
    pub(super) notes: &'static [&'static str],
    pub(super) tags: &'static [&'static str],
}

pub(super) const THEMES: [Theme; 8] = [
    Theme {
        list: "Household",
        color: "#8d6e63",
        tasks: &[
            "Clean the {}",
            "Repair the {}",
            "Look for the manual of the {}",
            "Ask Frau Müller about the {}",
        ],
        things: &[
            "oven",
            "washing machine",
            "balcony door",
            "fridge",
            "coffee machine",
            "kitchen cupboard",
            "hallway lamp",
            "doorbell 🔔",
        ],
        routines: &[
            ("Take out the recycling ♻️", "FREQ=WEEKLY;BYDAY={day}"),
            ("Change the bed linen", "FREQ=WEEKLY;INTERVAL=2;BYDAY={day}"),
            ("Descale the kettle", "FREQ=MONTHLY;BYMONTHDAY={date}"),
            ("Test the smoke alarms", "FREQ=YEARLY"),
        ],
        steps: &[
            "Measure it",
            "Find the receipt",
            "Order the spare part",
            "Keep a Saturday free",
            "Pay the bill",
        ],
        notes: &[
            "The receipt is in the blue folder.",
            "The hardware store in the Ringstraße has spare parts.",
            "Call first, they close at noon.",
            "🧰 The toolbox is in the cellar.",
            "Not when the neighbours are asleep.",
        ],
        tags: &["home", "weekend", "errand", "5 minutes", "money"],
    },
    Theme {
        list: "Work",
        color: "#1565c0",
        tasks: &[
            "Review {}",
            "Draft {}",
            "Send comments on {}",
            "Prepare a meeting about {}",
            "Ask Søren for {}",
        ],
        things: &[
            "the quarterly report",
            "the onboarding guide",
            "the release notes",
            "the translation for München",
            "the incident report",
            "the quote for Tokyo",
            "the slides for Tuesday",
        ],
        routines: &[
            ("Write the weekly report", "FREQ=WEEKLY;BYDAY={day}"),
            ("Hand in the expenses", "FREQ=MONTHLY;BYMONTHDAY={date}"),
            ("Update the roadmap", "FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY={date}"),
        ],
        steps: &["Collect the numbers", "Write an outline", "Get it approved", "Proofread", "Send it out 📮"],
        notes: &[
            "Draft is in the shared folder.",
            "Zoë knows the numbers.",
            "By Friday, otherwise it gets tight.",
            "Two pages are enough.",
            "Check with 田中さん in Tokyo.",
            "Last year's version had 14 slides; that was too many.",
        ],
        tags: &["work", "computer", "phone", "waiting", "5 minutes"],
    },
    Theme {
        list: "Travel ✈️",
        color: "#00838f",
        tasks: &["Book {}", "Compare prices for {}", "Ask Zoë about {}", "Print the confirmation for {}"],
        things: &[
            "the night train to Zürich",
            "the ferry to Gotland",
            "a table in Kraków",
            "a ryokan in Kyōto",
            "two bikes in København",
            "the museum in São Paulo",
            "a cabin in Jämtland",
        ],
        routines: &[
            ("Look for cheap flights", "FREQ=WEEKLY;BYDAY={day};COUNT=10"),
            ("Back up the photos 📷", "FREQ=MONTHLY;BYMONTHDAY={date}"),
            ("Check the passport", "FREQ=YEARLY"),
        ],
        steps: &[
            "Check the dates",
            "Ask for a window seat",
            "Pay the deposit",
            "Save the ticket offline",
            "Tell the others",
        ],
        notes: &[
            "Two adults, one suitcase.",
            "Free cancellation until the evening before.",
            "Breakfast is included.",
            "Five minutes on foot from 京都駅.",
            "The cheap seats go first.",
        ],
        tags: &["travel", "computer", "money", "waiting", "family"],
    },
    Theme {
        list: "Health",
        color: "#c62828",
        tasks: &["Make an appointment for {}", "Get the results of {}", "Ask the insurance about {}"],
        things: &[
            "the dental check-up",
            "the eye test",
            "the flu shot 💉",
            "the physiotherapy",
            "the allergy test",
            "the health check",
        ],
        routines: &[
            ("Go for a run 🏃", "FREQ=DAILY;INTERVAL=2"),
            ("Take vitamin D", "FREQ=DAILY"),
            ("Back exercises", "FREQ=WEEKLY;BYDAY={day}"),
            ("Ten minutes of stretching", "FREQ=DAILY;COUNT=30"),
        ],
        steps: &[
            "Find the insurance card",
            "Call before ten",
            "Fill in the form",
            "Note the questions",
            "Ask for a Tuesday",
        ],
        notes: &[
            "Praxis Dr. Weiß, second floor.",
            "Bring the old results.",
            "Nothing to eat in the morning.",
            "They also have an online calendar.",
        ],
        tags: &["phone", "errand", "5 minutes", "waiting"],
    },
    Theme {
        list: "Reading",
        color: "#6a1b9a",
        tasks: &["Read “{}”", "Take “{}” back to the library", "Lend “{}” to Jürgen", "Write a note on “{}”"],
        things: &[
            "Middlemarch",
            "Der Zauberberg",
            "Les Misérables",
            "I Am a Cat",
            "Don Quijote",
            "The Odyssey",
            "Pan Tadeusz",
            "Effi Briest",
        ],
        routines: &[("Read 20 pages", "FREQ=DAILY"), ("Book club 📚", "FREQ=MONTHLY;BYMONTHDAY={date}")],
        steps: &[
            "Find my copy",
            "Read the introduction",
            "Look up the names",
            "Copy out the good sentences",
            "Ask who wants it next",
        ],
        notes: &[
            "Recommended by Désirée.",
            "The translation of 2008 is said to be better.",
            "Chapter three is the long one.",
            "Borrowed from the library.",
        ],
        tags: &["home", "weekend", "someday", "family"],
    },
    Theme {
        list: "Garden 🌱",
        color: "#2e7d32",
        tasks: &["Plant {}", "Prune {}", "Put compost on {}", "Take cuttings of {}"],
        things: &[
            "the roses",
            "the apple tree",
            "the tomatoes 🍅",
            "the redcurrants",
            "the hedge",
            "the herbs",
            "the lavender",
        ],
        routines: &[
            ("Water the balcony", "FREQ=DAILY;INTERVAL=3"),
            ("Mow the lawn", "FREQ=WEEKLY;BYDAY={day}"),
            ("Feed the worms 🪱", "FREQ=WEEKLY;INTERVAL=2;BYDAY={day}"),
        ],
        steps: &[
            "Sharpen the shears",
            "Fetch soil",
            "Water well",
            "Clear the bed",
            "Ask Nuño how he does it",
        ],
        notes: &[
            "Not before the last frost.",
            "South side, much sun.",
            "The shears are with Nuño.",
            "Half a bucket is enough.",
        ],
        tags: &["outdoors", "weekend", "home", "errand"],
    },
    Theme {
        list: "Shopping",
        color: "#ef6c00",
        tasks: &["Buy {}", "Look for {} at the market", "Order {}"],
        things: &[
            "oat milk",
            "2 kg of flour",
            "Brötchen",
            "tofu",
            "wasabi",
            "crème fraîche",
            "jalapeños",
            "coffee ☕",
            "a birthday cake 🎂",
            "washing-up liquid",
        ],
        routines: &[
            ("Weekly shop 🛒", "FREQ=WEEKLY;BYDAY={day}"),
            ("Order coffee beans", "FREQ=MONTHLY;BYMONTHDAY={date}"),
        ],
        steps: &[
            "Look what is left",
            "Take the big bag",
            "Compare the prices",
            "Return the bottles",
            "Look at the other shop",
        ],
        notes: &[
            "The small shop at the corner has it.",
            "Organic, if it does not cost much more.",
            "Two are enough.",
            "Only if it is on offer.",
        ],
        tags: &["errand", "home", "money", "5 minutes"],
    },
    Theme {
        list: "Family",
        color: "#ad1457",
        tasks: &["Call {}", "Write to {}", "Find a present for {} 🎁", "Plan a weekend with {}"],
        things: &["Oma", "Jürgen", "Zoë", "Søren and Łucja", "Misaki", "the neighbours"],
        routines: &[("Call home ☎️", "FREQ=WEEKLY;BYDAY={day}"), ("Mum's birthday 🎂", "FREQ=YEARLY")],
        steps: &[
            "Ask what they would like",
            "Look at the calendar",
            "Reserve a table",
            "Find the address",
            "Buy a card 💌",
        ],
        notes: &[
            "Evenings are best.",
            "Oma is hard of hearing, so speak slowly.",
            "They are away until Sunday.",
            "Something with 🐈, maybe.",
        ],
        tags: &["family", "phone", "weekend", "someday"],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::owned::text::{self, DESCRIPTION, NAME};

    #[test]
    fn every_text_is_one_that_a_client_may_send() {
        let mut tags = BTreeSet::new();
        for theme in &THEMES {
            let names = [theme.tasks, theme.things, theme.steps, &[theme.list]].concat();
            for name in names.into_iter().chain(theme.routines.iter().map(|(name, _)| *name)) {
                assert_eq!(NAME.read(name).as_deref(), Some(name));
            }
            assert!(theme.tasks.iter().all(|task| task.contains("{}")), "{:?}", theme.tasks);
            assert!(theme.notes.iter().all(|note| DESCRIPTION.read(note).is_some()));
            assert!(theme.steps.len() > 4, "a family takes four, and one below");
            let own: Vec<_> = theme.tags.iter().map(|tag| (*tag).to_owned()).collect();
            assert_eq!(text::tags(&own).as_ref(), Ok(&own));
            tags.extend(own);
            let is_color = |color: &str| {
                color.len() == 7
                    && color.starts_with('#')
                    && color[1..].bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
            };
            assert!(is_color(theme.color), "{}", theme.color);
        }
        assert!((10..=14).contains(&tags.len()), "{tags:?}");
    }
}
