//! The market's codes in words.

/// A job's state as a word, from `JobState` of the market.
pub fn job_state_words(state: u8) -> &'static str {
    const WORDS: [&str; 12] = [
        "None",
        "Open",
        "Assigned",
        "Running",
        "Committed",
        "Challengeable",
        "Disputed",
        "Final",
        "Cancelled",
        "Expired",
        "InputFault",
        "Void",
    ];
    WORDS.get(usize::from(state)).copied().unwrap_or("unknown")
}

/// Why a job changed its state, from `Cause` of the market.
pub fn cause_words(cause: u8) -> &'static str {
    const WORDS: [&str; 17] = [
        "no reason",
        "it was posted",
        "every replica was taken",
        "a provider left before the run, its place is free again",
        "every provider has the inputs",
        "every provider has committed a result",
        "all revealed results are equal",
        "the revealed results differ",
        "the client accepted the result",
        "the challenge window is over",
        "the client cancelled it",
        "the providers could not use the inputs",
        "not enough providers took it in time",
        "a provider did not acknowledge the inputs in time",
        "a provider did not commit a result in time and lost its bond",
        "a provider did not reveal its result in time and lost its bond",
        "the dispute was not decided in time; everything was returned",
    ];
    WORDS.get(usize::from(cause)).copied().unwrap_or("an unknown reason")
}

/// Why a provider may not take a job, from `Refusal` of the market and its two numbers.
pub fn refusal_words(code: u8, needed: &str, have: &str) -> String {
    let fixed = |s: &str| s.to_owned();
    match code {
        0 => fixed("nothing speaks against it"),
        1 => fixed("there is no such job"),
        2 => format!("the job is not open (its state is {have})"),
        3 => format!("the match deadline {needed} has passed (the clock says {have})"),
        4 => fixed("the client may not serve itself"),
        5 => fixed("the provider has a replica of it already"),
        6 => fixed("the provider left this job, or let its acknowledgement run out, before"),
        7 => fixed("the provider is not registered"),
        8 => fixed("the provider is paused"),
        9 => format!("the stake is {have} wei, the registry's minimum is {needed}"),
        10 => format!("the job needs {needed} MiB of device memory, the provider has {have}"),
        11 => format!("the job needs compute capability {needed}, the provider has {have}"),
        12 => format!("the job needs {needed} work units a second, the provider does {have}"),
        13 => format!("the base fee asked is {have} wei, the client pays at most {needed}"),
        14 => format!("a million work units cost {have} wei, the client pays at most {needed}"),
        15 => format!("a byte of input costs {have} wei, the client pays at most {needed}"),
        16 => format!("a byte of output costs {have} wei, the client pays at most {needed}"),
        17 => format!("the free stake is {have} wei, bond and exposure need {needed}"),
        _ => format!("refusal {code} ({needed}, {have})"),
    }
}
