//! Who is who: names and addresses that outlive, or do not outlive, what they stand for.
