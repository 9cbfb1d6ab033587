//! Dates and repetitions in words, in English and German: `4 Jan`, `tomorrow at 9am`, `every monday`, `jeden Tag um 9:00`.
//!
//! **Invariant:** what is not understood completely is not understood at all, so that no date is guessed.

use chrono::{Datelike, Days, Months, NaiveDate, NaiveTime, Weekday};

use super::dates;
use crate::clock::time_zone::Zone;
use crate::todos::due::Due;
use crate::todos::recurrence::Basis;

/// A due date and, if it repeats, its rule.
#[derive(Debug, PartialEq, Eq)]
pub struct When {
    pub due: Due,
    pub rule: Option<String>,
    pub basis: Basis,
}

const MONTHS: [[&str; 4]; 12] = [
    ["jan", "january", "januar", "jänner"],
    ["feb", "february", "februar", ""],
    ["mar", "march", "märz", "mär"],
    ["apr", "april", "", ""],
    ["may", "mai", "", ""],
    ["jun", "june", "juni", ""],
    ["jul", "july", "juli", ""],
    ["aug", "august", "", ""],
    ["sep", "september", "sept", ""],
    ["oct", "october", "oktober", "okt"],
    ["nov", "november", "", ""],
    ["dec", "december", "dezember", "dez"],
];

const WEEKDAYS: [(Weekday, &str, [&str; 4]); 7] = [
    (Weekday::Mon, "MO", ["mon", "monday", "montag", "mo"]),
    (Weekday::Tue, "TU", ["tue", "tuesday", "dienstag", "di"]),
    (Weekday::Wed, "WE", ["wed", "wednesday", "mittwoch", "mi"]),
    (Weekday::Thu, "TH", ["thu", "thursday", "donnerstag", "do"]),
    (Weekday::Fri, "FR", ["fri", "friday", "freitag", "fr"]),
    (Weekday::Sat, "SA", ["sat", "saturday", "samstag", "sa"]),
    (Weekday::Sun, "SU", ["sun", "sunday", "sonntag", "so"]),
];

pub fn read(text: &str, today: NaiveDate, zone: Zone) -> Option<When> {
    if let Some(due) = dates::any(text, zone) {
        return Some(When { due, rule: None, basis: Basis::Due });
    }
    let text = text.trim().to_lowercase();
    let (words, time) = without_time(text.split_whitespace().collect())?;
    let (day, rule, basis) = match repetition(&words, today) {
        Some((day, rule, basis)) => (day, Some(rule), basis),
        None => (day(&words, today)?, None, Basis::Due),
    };
    let due = match time {
        Some(time) => Due::At { local: day.and_time(time), time_zone: Some(zone) },
        None => Due::Date(day),
    };
    Some(When { due, rule, basis })
}

/// The words without a time at their end, such as `at 9am`, `um 9:00` or `14:30`. `None` if the time is not understood.
fn without_time(mut words: Vec<&str>) -> Option<(Vec<&str>, Option<NaiveTime>)> {
    if words.last() == Some(&"uhr") {
        words.pop();
    }
    let marked = words.iter().rposition(|word| ["at", "um", "@"].contains(word));
    if let Some(at) = marked {
        let time = time(&words[at + 1..].concat())?;
        words.truncate(at);
        return Some((words, Some(time)));
    }
    let last = words.last().and_then(|word| {
        if word.contains(':') || word.ends_with("am") || word.ends_with("pm") { time(word) } else { None }
    });
    if last.is_some() {
        words.pop();
    }
    Some((words, last))
}

fn time(text: &str) -> Option<NaiveTime> {
    let (text, shift) = match (text.strip_suffix("am"), text.strip_suffix("pm")) {
        (Some(rest), _) => (rest, Some(0)),
        (_, Some(rest)) => (rest, Some(12)),
        _ => (text, None),
    };
    let (hour, minute) = text.trim().split_once(':').unwrap_or((text.trim(), "0"));
    let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
    let hour = match shift {
        Some(shift) if (1..=12).contains(&hour) => hour % 12 + shift,
        Some(_) => return None,
        None => hour,
    };
    NaiveTime::from_hms_opt(hour, minute, 0)
}

fn day(words: &[&str], today: NaiveDate) -> Option<NaiveDate> {
    match words {
        ["today" | "heute"] => Some(today),
        ["tomorrow" | "tom" | "morgen"] => today.checked_add_days(Days::new(1)),
        ["next", "week"] | ["nächste", "woche"] => next_weekday(today, Weekday::Mon),
        [one] => {
            let (weekday, _) = weekday(one)?;
            next_weekday(today, weekday)
        }
        [first, second] => day_of_month(first, second, today).or_else(|| day_of_month(second, first, today)),
        [first, second, year] => {
            let year = year.parse().ok()?;
            let (day, month) =
                number(first).zip(month(second)).or_else(|| number(second).zip(month(first)))?;
            NaiveDate::from_ymd_opt(year, month, day)
        }
        _ => None,
    }
}

/// The next such day: today or later.
fn day_of_month(day: &str, month_name: &str, today: NaiveDate) -> Option<NaiveDate> {
    let (day, month) = (number(day)?, month(month_name)?);
    let years = [today.year(), today.year() + 1, today.year() + 2, today.year() + 3, today.year() + 4];
    years.iter().filter_map(|year| NaiveDate::from_ymd_opt(*year, month, day)).find(|date| *date >= today)
}

fn number(word: &str) -> Option<u32> {
    let digits = word.trim_end_matches([',', '.']);
    let digits = ["st", "nd", "rd", "th"].iter().find_map(|end| digits.strip_suffix(end)).unwrap_or(digits);
    digits.parse().ok().filter(|number| (1..=31).contains(number))
}

fn month(word: &str) -> Option<u32> {
    let word = word.trim_end_matches([',', '.']);
    let found = MONTHS.iter().position(|names| !word.is_empty() && names.contains(&word))?;
    u32::try_from(found + 1).ok()
}

fn weekday(word: &str) -> Option<(Weekday, &'static str)> {
    let word = word.trim_end_matches([',', '.', 's']);
    // `tuesdays` loses its last letters above.
    let found =
        WEEKDAYS.iter().find(|(.., names)| names.iter().any(|name| name.trim_end_matches('s') == word));
    found.map(|(weekday, code, _)| (*weekday, *code))
}

fn next_weekday(today: NaiveDate, weekday: Weekday) -> Option<NaiveDate> {
    let days = weekday.days_since(today.weekday());
    today.checked_add_days(Days::new(u64::from(if days == 0 { 7 } else { days })))
}

/// The first day, the rule and the basis of `every …`. `every!` counts from the completion.
fn repetition(words: &[&str], today: NaiveDate) -> Option<(NaiveDate, String, Basis)> {
    let alone = |frequency: &str| Some((today, format!("FREQ={frequency}"), Basis::Due));
    let (first, rest) = words.split_first()?;
    let basis = if first.ends_with('!') { Basis::Completion } else { Basis::Due };
    match (*first, rest) {
        ("daily" | "täglich", []) => alone("DAILY"),
        ("weekly" | "wöchentlich", []) => alone("WEEKLY"),
        ("monthly" | "monatlich", []) => alone("MONTHLY"),
        ("yearly" | "annually" | "jährlich", []) => alone("YEARLY"),
        ("every" | "every!" | "ev" | "ev!" | "jeden" | "jede" | "jedes" | "alle", rest)
            if !rest.is_empty() =>
        {
            let (day, rule) = every(rest, today)?;
            Some((day, rule, basis))
        }
        _ => None,
    }
}

fn every(words: &[&str], today: NaiveDate) -> Option<(NaiveDate, String)> {
    if let [first, second] = words {
        let day = day_of_month(first, second, today).or_else(|| day_of_month(second, first, today));
        if let Some(day) = day {
            return Some((day, "FREQ=YEARLY".to_owned()));
        }
    }
    let (interval, words) = match words {
        ["other" | "zweiten" | "zweite", rest @ ..] => (2, rest),
        [count, rest @ ..] if !rest.is_empty() && count.parse::<u32>().is_ok() => (count.parse().ok()?, rest),
        words => (1_u32, words),
    };
    let rule = |frequency: &str, more: &str| {
        let interval = if interval == 1 { String::new() } else { format!(";INTERVAL={interval}") };
        format!("FREQ={frequency}{interval}{more}")
    };
    match words {
        ["day" | "days" | "tag" | "tage"] => Some((today, rule("DAILY", ""))),
        ["week" | "weeks" | "woche" | "wochen"] => Some((today, rule("WEEKLY", ""))),
        ["month" | "months" | "monat" | "monate"] => Some((today, rule("MONTHLY", ""))),
        ["year" | "years" | "jahr" | "jahre"] => Some((today, rule("YEARLY", ""))),
        ["weekday" | "weekdays" | "workday" | "werktag"] => {
            let day = (0..3).filter_map(|days| today.checked_add_days(Days::new(days)));
            let day = day.into_iter().find(|day| !matches!(day.weekday(), Weekday::Sat | Weekday::Sun))?;
            Some((day, rule("WEEKLY", ";BYDAY=MO,TU,WE,TH,FR")))
        }
        [one] if number(one).is_some() && interval == 1 => {
            let day = number(one)?;
            let dates =
                (0..12).filter_map(|months| today.with_day(1)?.checked_add_months(Months::new(months)));
            let date = dates.filter_map(|first| first.with_day(day)).find(|date| *date >= today)?;
            Some((date, format!("FREQ=MONTHLY;BYMONTHDAY={day}")))
        }
        words => weekdays(words, today).map(|(day, codes)| (day, rule("WEEKLY", &format!(";BYDAY={codes}")))),
    }
}

/// `monday`, `mon, wed and fri`.
fn weekdays(words: &[&str], today: NaiveDate) -> Option<(NaiveDate, String)> {
    let named =
        words.iter().flat_map(|word| word.split(',')).filter(|word| !["", "and", "und"].contains(word));
    let days = named.map(weekday).collect::<Option<Vec<_>>>().filter(|days| !days.is_empty())?;
    let yesterday = today.pred_opt()?;
    let first = days.iter().filter_map(|(day, _)| next_weekday(yesterday, *day)).min()?;
    let mut codes: Vec<_> = days.into_iter().map(|(_, code)| code).collect();
    codes.dedup();
    Some((first, codes.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<(String, Option<String>, Basis)> {
        // A Saturday.
        let today = NaiveDate::from_ymd_opt(2026, 11, 28).unwrap();
        let when = read(text, today, Zone::UTC)?;
        Some((when.due.local_key(), when.rule, when.basis))
    }

    #[test]
    fn dates_in_words_are_understood() {
        for (text, due) in [
            ("2026-12-01", "2026-12-01"),
            ("today", "2026-11-28"),
            ("Tomorrow at 9am", "2026-11-29T09:00"),
            ("morgen um 14:30 Uhr", "2026-11-29T14:30"),
            ("4 Jan", "2027-01-04"),
            ("Jan 4", "2027-01-04"),
            ("28 Nov", "2026-11-28"),
            ("4 Jan 2030 17:00", "2030-01-04T17:00"),
            ("3. Dezember", "2026-12-03"),
            ("monday", "2026-11-30"),
            ("sat 12pm", "2026-12-05T12:00"),
        ] {
            assert_eq!(found(text), Some((due.to_owned(), None, Basis::Due)), "{text}");
        }
    }

    #[test]
    fn repetitions_in_words_are_understood() {
        for (text, due, rule) in [
            ("every day", "2026-11-28", "FREQ=DAILY"),
            ("daily at 7:15", "2026-11-28T07:15", "FREQ=DAILY"),
            ("every monday at 9am", "2026-11-30T09:00", "FREQ=WEEKLY;BYDAY=MO"),
            ("every mon, wed and fri", "2026-11-30", "FREQ=WEEKLY;BYDAY=MO,WE,FR"),
            ("every other tuesday", "2026-12-01", "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"),
            ("every 3 weeks", "2026-11-28", "FREQ=WEEKLY;INTERVAL=3"),
            ("every weekday", "2026-11-30", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR"),
            ("every 15th", "2026-12-15", "FREQ=MONTHLY;BYMONTHDAY=15"),
            ("every 31", "2026-12-31", "FREQ=MONTHLY;BYMONTHDAY=31"),
            ("ev 4 jan", "2027-01-04", "FREQ=YEARLY"),
            ("jährlich", "2026-11-28", "FREQ=YEARLY"),
            ("jeden Montag um 9:00", "2026-11-30T09:00", "FREQ=WEEKLY;BYDAY=MO"),
            ("alle 2 Wochen", "2026-11-28", "FREQ=WEEKLY;INTERVAL=2"),
        ] {
            assert_eq!(found(text), Some((due.to_owned(), Some(rule.to_owned()), Basis::Due)), "{text}");
        }
        let (_, rule, basis) = found("every! 3 days").unwrap();
        assert_eq!((rule.as_deref(), basis), (Some("FREQ=DAILY;INTERVAL=3"), Basis::Completion));
    }

    #[test]
    fn nothing_is_guessed() {
        for text in [
            "",
            "soon",
            "every",
            "every blue moon",
            "every monday starting 4 jan",
            "32 jan",
            "at 25:00",
            "4 jan at noonish",
            "tomorrow or so",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
