//! Profiles as they are stored.

use super::*;

#[test]
fn a_stored_profile_is_the_same_and_small() {
    let mut symbol = Symbol::stock(Timeframe::M1, "2024-01-02", "2024-07-31");
    let mut k = 0_u64;
    symbol.bars.retain(|_| {
        k += 1;
        !k.is_multiple_of(97)
    });
    symbol.ask_followed(between("2024-01-02 00:00", "2024-08-01 00:00"));
    let regular = symbol.profile.part(Part::Regular).unwrap();
    let text = serde_json::to_string(regular).unwrap();
    assert!(text.starts_with("[[20240"), "{text}");
    assert!(text.len() < 6_000, "{} bytes", text.len());
    assert_eq!(&serde_json::from_str::<PartProfile>(&text).unwrap(), regular);
    let loaded: Profile = [(Part::Regular, regular.clone())].into_iter().collect();
    assert_eq!(loaded.changed().count(), 0);
    assert!(symbol.profile.changed().any(|(part, _)| part == Part::Regular));
}

#[test]
fn what_is_no_profile_is_refused() {
    for text in [
        r"[[20240231,1,[1],null,0,0,null,1.0]]",
        r"[[20240102,1,[1],[2],1,0,null,1.0]]",
        r"[[20240102,1,[1],[0,0],1,0,null,1.0]]",
        r"[[20240103,1,[1],null,0,0,null,1.0],[20240102,1,null,null,0,0,null,1.0]]",
        r"[[2147483647,1,[1],null,0,0,null,1.0]]",
        r"[[-2147483648,1,[1],null,0,0,null,1.0]]",
    ] {
        assert!(serde_json::from_str::<PartProfile>(text).is_err(), "{text}");
    }
    let good = r"[[20240102,1,[1],null,0,0,null,1.0],[20240103,0,null,[1],1,0,4,2.0]]";
    let read: PartProfile = serde_json::from_str(good).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), good);
    assert_eq!(serde_json::from_str::<PartProfile>("[]").unwrap(), PartProfile::default());
}

#[test]
fn parts_have_names() {
    for part in Part::ALL {
        assert_eq!(part.name().parse::<Part>().unwrap(), part);
        assert_eq!(serde_json::to_string(&part).unwrap(), format!("\"{part}\""));
    }
    assert!("noon".parse::<Part>().is_err());
}
