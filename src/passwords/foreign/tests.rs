//! Vectors that other implementations have made: Django 5.2, passlib 1.7.4, argon2-cffi 25.1, bcrypt 4.3 and Werkzeug
//! 3.1 of Python, bcryptjs 3.0 and crypto of Node 20. The vector of Firebase is that of its repository.

use super::*;
use crate::passwords::Argon2Cost;

const PASSWORD: &str = "correct horse battery staple";

fn bounds() -> HashBounds {
    HashBounds::new(&Argon2Cost::new(8, 1, 1).expect("a cost"), 64 * 1024)
}

fn verify(text: &str, password: &str) -> bool {
    let hash = ForeignHash::parse(text, bounds()).unwrap_or_else(|why| panic!("{text}: {why}"));
    hash.matches(password.as_bytes(), &mut HashMemory::new(8)).expect("there is memory")
}

const VECTORS: [&str; 25] = [
    // Django
    "pbkdf2_sha256$1000$seasalt12345$lc9upgiPQ2muevvuisr7qA/SNSmKyk+QjwXhw/n1uhw=",
    "pbkdf2_sha1$1000$seasalt12345$rQ2Svh7KtT4/Yuob7QRIU23SU/Q=",
    "argon2$argon2id$v=19$m=256,t=2,p=2$c2Vhc2FsdDEyMzQ1Njc4OTA$dJFL+DAo3mtihWpjvhp/Tq0buLAZueWlgyzyaXBENz4",
    "bcrypt_sha256$$2b$04$TLRsocaNHwFmA.nGo5qaFOGln8w85Uuo7sXFnncyRzu7qFV3PjJ8O",
    "bcrypt$$2b$04$G08j7wc833wk1GYhoig0c..zeASr8bz6gZaCh.929H8E4hxmVCecC",
    "scrypt$1024$seasalt12345$8$2$i21AUvDhmPT7edO9Q8wmlwwJNk1latlRs2Y8v+ACZuz8EPV45CUiwwqQQN/Hr0GaldeqSpLF9TtLlyWjvez8lA==",
    // passlib
    "$pbkdf2$1000$.//.c2Vhc2FsdDEyMzQ$tFV2X4VhEYgtZVIwTosjQ4rhzqo",
    "$pbkdf2-sha256$1000$.//.c2Vhc2FsdDEyMzQ$iEgK35f6WJ1cljxt6Vkfdh6stgYcmcr2GisY5fUyv5s",
    "$pbkdf2-sha512$1000$.//.c2Vhc2FsdDEyMzQ$tmcvVozcnqlyZpTJcBS2PdoKUsppZv/LMx2WcaZl31xLo5mJUi2FoOgXjBV0V8.4Bed05FHw20sQ2IIFcMK5sg",
    "$scrypt$ln=10,r=8,p=1$mDOGEIIwhvC+l5IyRgiBcA$zHul9K5u614LPuhm2hYlN8ztDLmZtkXC7o051f9OX2I",
    "$bcrypt-sha256$v=2,t=2b,r=4$nmk4L6rQJrE/Kx0//Wchle$5aFhsLzhTEwAey8gQNvEjs4efUE1DsO",
    // PHC, as RustCrypto writes it: the vector of passlib above in the other encoding
    "$pbkdf2-sha256$i=1000,l=32$+//+c2Vhc2FsdDEyMzQ$iEgK35f6WJ1cljxt6Vkfdh6stgYcmcr2GisY5fUyv5s",
    "$pbkdf2-sha256$i=1000$+//+c2Vhc2FsdDEyMzQ$iEgK35f6WJ1cljxt6Vkfdh6stgYcmcr2GisY5fUyv5s",
    // bcrypt and bcryptjs
    "$2a$04$0yqrCGMqydZ.q0i8xbmfl.WLRbPxEzULYJgF9BsS2lqxxV726EdFe",
    "$2b$04$Zs4h2/Pa.EuSwxUom5ku1epjgPpLK8IXo0Tzu1ZlkOn.FGerPKKbG",
    "$2y$04$Zs4h2/Pa.EuSwxUom5ku1epjgPpLK8IXo0Tzu1ZlkOn.FGerPKKbG",
    "$2b$04$.a4b3rQJ6lLK62EiADujIeHG5sJhwdUv9s2PcK9SMRbh4XU4hzT1S",
    // argon2-cffi
    "$argon2id$v=19$m=256,t=2,p=2$ekaUzP9xQ1sR1RfL/OWrVg$2O3yEQx8Tx3qsgApR4tIiGEFuu96Ia10cOMXZcHBGag",
    "$argon2i$v=19$m=256,t=2,p=2$eJGBIgNQhae/QdHnCRvxyA$NxvXyEe8fXfeTHF89qMLYPfgwHeBwbYq7FHl69aj3qI",
    "$argon2d$v=19$m=256,t=2,p=2$BqaxJDgSnqk5Kc7nrw+gXQ$SrRqBLP52S7UTC3pjtJc0QP6cvsh51GdmN2gMvIPZZU",
    // Werkzeug
    "scrypt:1024:8:1$C5Gn9yAcc7r389TO$45c2039229e83a0995b2c8136d709e82ba19b0175bf4d32d00f0f47c8b3ca4dd9cccdc4c24deed49a73a90bc4ebe804e897c4285740f8d8ecb6d62c371060fa5",
    "pbkdf2:sha256:1000$YaFHnJtdBtf1QGpq$967345f9a7bd591fa1384eb6d1174476651bf1c8994ac72042734faa9b8775be",
    "pbkdf2:sha512:1000$na0zSTcngNsc4RwW$6e807e0e28eca7afe02ca1abb4b037707af7cb7f240a459f7e067a02c17eee3b2342ee8f12fb904747b9bc66b20b788372e6f5efc094b82011615fddaec41f50",
    // The layout of ASP.NET Core Identity's version 3, made with the PBKDF2 of Node
    "AQAAAAIAAAPoAAAAEHNlYXNhbHQxMjM0NTY3ODkkHKKKVfaFpLPLO2oBh6WPKYNziGbWD5Q6C489NaQnyg==",
    // bcrypt with arbitrary last bits of the salt, as some systems write it: `f` for `e` in the second vector above
    "$2b$04$Zs4h2/Pa.EuSwxUom5ku1fpjgPpLK8IXo0Tzu1ZlkOn.FGerPKKbG",
];

#[test]
fn hashes_of_other_implementations_verify() {
    for text in VECTORS {
        assert!(verify(text, PASSWORD), "{text}");
        assert!(!verify(text, "correct horse battery stable"), "{text}");
        assert!(!verify(text, ""), "{text}");
    }
}

#[test]
fn the_canonical_encoding_is_the_same_hash() {
    for text in VECTORS {
        let canonical = ForeignHash::parse(text, bounds()).expect("a hash").to_text();
        let again =
            ForeignHash::parse(&canonical, bounds()).unwrap_or_else(|why| panic!("{canonical}: {why}"));
        assert_eq!(again.to_text(), canonical);
        assert!(!canonical.starts_with("$argon2"), "it differs from our own: {canonical}");
        assert!(verify(&canonical, PASSWORD), "{canonical}");
    }
}

/// The example of <https://github.com/firebase/scrypt>.
#[test]
fn the_example_of_firebase_verifies() {
    let parameters = FirebaseParameters {
        signer_key:
            "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==".into(),
        salt_separator: "Bw==".to_owned(),
        rounds: 8,
        memory_cost: 14,
    };
    let hash = "lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==";
    let parsed = ForeignHash::firebase(hash, "42xEC+ixf3L2lw==", &parameters, bounds()).expect("a hash");
    assert_eq!(parsed.memory_kib(), 16 * 1024);
    assert!(verify(&parsed.to_text(), "user1password"));
    assert!(!verify(&parsed.to_text(), "user2password"));
    let short = ForeignHash::firebase("lSrfV15cpx8=", "42xEC+ixf3L2lw==", &parameters, bounds());
    assert_eq!(short.err(), Some(MalformedHash::Incomplete));
    let costly = FirebaseParameters { memory_cost: 17, ..parameters };
    let costly = ForeignHash::firebase(hash, "42xEC+ixf3L2lw==", &costly, bounds());
    assert_eq!(costly.err().expect("refused").to_string(), "its memory in KiB is not between 0 and 65536");
}

#[test]
fn bcrypt_reads_72_bytes_of_a_long_password_whoever_has_hashed_it() {
    let long = "0123456789".repeat(10);
    for text in [
        "$2b$04$QMW6jKh3TneY3cp4VL4yp.BAlagxzhYrYyPLBfel9KAEvsDenDID2",
        "$2b$04$BznH8WUcQ2.aLyikk3mE7O1AcTFzMzjZrE78weDTrI/8CzPGq7OtO",
    ] {
        assert!(verify(text, &long) && verify(text, &long[..72]), "{text}");
        assert!(!verify(text, &long[..71]), "{text}");
    }
    // The 72nd byte is the second one of a letter.
    let umlauts = "$2b$04$uS4iZj.ohO7vETgWL0SyZuSXX7WzJUljIgm6Fxw/CduqTVrSE8zoG";
    assert!(verify(umlauts, &"ü".repeat(40)) && verify(umlauts, &"ü".repeat(36)));
    assert!(!verify(umlauts, &"ü".repeat(35)));
}

#[test]
fn bcrypt_accepts_a_zero_byte_of_implementations_in_c_and_in_javascript() {
    // bcryptjs of "abc\0def"
    let javascript = "$2b$04$hVksLj8oQofL7TPphvSbu..vC.y41nZdOdgfpKT2gaEKyF1j5PFO2";
    assert!(verify(javascript, "abc\0def"));
    assert!(!verify(javascript, "abc"));
    // What C hashes of PASSWORD and a zero byte.
    assert!(verify(
        "$2b$04$Zs4h2/Pa.EuSwxUom5ku1epjgPpLK8IXo0Tzu1ZlkOn.FGerPKKbG",
        &format!("{PASSWORD}\0x")
    ));
}

#[test]
fn an_excessive_cost_is_refused_with_the_bounds() {
    let why = |text: &str| ForeignHash::parse(text, bounds()).err().expect(text).to_string();
    let (salt, output) = ("c2Vhc2FsdDEyMzQ1Njc4OTA", "dJFL+DAo3mtihWpjvhp/Tq0buLAZueWlgyzyaXBENz4");
    let tail = format!("{salt}${output}");
    for (text, reason) in [
        (format!("$argon2id$v=19$m=65537,t=2,p=2${tail}"), "its memory in KiB is not between 0 and 65536"),
        (
            format!("argon2$argon2d$v=19$m=65537,t=2,p=2${tail}"),
            "its memory in KiB is not between 0 and 65536",
        ),
        (format!("$argon2id$v=19$m=1048577,t=2,p=2${tail}"), "its cost is out of bounds"),
        (format!("$argon2id$v=19$m=256,t=21,p=1${tail}"), "its number of passes is not between 1 and 20"),
        (format!("$argon2id$v=19$m=256,t=1,p=17${tail}"), "its number of lanes is not between 1 and 16"),
        (format!("$scrypt$ln=17,r=8,p=1${tail}"), "its memory in KiB is not between 0 and 65536"),
        (format!("$scrypt$ln=23,r=1,p=1${tail}"), "its scrypt parameter log2 N is not between 1 and 22"),
        (format!("$scrypt$ln=0,r=1,p=1${tail}"), "its scrypt parameter log2 N is not between 1 and 22"),
        (format!("$scrypt$ln=14,r=4294967295,p=1${tail}"), "its scrypt parameter r is not between 1 and 64"),
        (format!("$scrypt$ln=14,r=8,p=17${tail}"), "its scrypt parameter p is not between 1 and 16"),
        (format!("$scrypt$ln=16,r=8,p=16${tail}"), "its scrypt work N·r·p is not between 1 and 4194304"),
        (
            format!("scrypt$1073741824$salt$8$1${output}"),
            "its scrypt parameter log2 N is not between 1 and 22",
        ),
        (
            format!("$pbkdf2-sha256$i=5000001,l=32${tail}"),
            "its number of iterations is not between 1 and 5000000",
        ),
        (format!("$pbkdf2$2500001${tail}"), "its number of iterations is not between 1 and 2500000"),
        (format!("pbkdf2_sha256$0$salt${output}"), "its number of iterations is not between 1 and 5000000"),
        (format!("$2b$16${}", &VECTORS[14][7..]), "its cost is not between 4 and 15"),
        (format!("$2b$03${}", &VECTORS[14][7..]), "its cost is not between 4 and 15"),
    ] {
        assert_eq!(why(&text), reason, "{text}");
    }
}

#[test]
fn an_unknown_or_damaged_hash_is_refused_without_being_repeated() {
    for (text, reason) in [
        ("$1$hunter2$hunter2", "$1$ (md5crypt) is not supported"),
        ("$6$hunter2$hunter2", "$6$ (sha512crypt) is not supported"),
        ("$P$Bhunter2", "$P$ (phpass) is not supported"),
        ("$2x$04$hunter2", "$2x$ (bcrypt with the sign bug) is not supported"),
        ("{SSHA}hunter2", "{SSHA} is not supported"),
        ("!hunter2", "! (a password that cannot be used) is not supported"),
        ("hunter2", "it is in no supported encoding"),
        ("$hunter2$x$y", "it is in no supported encoding"),
        ("$2b$04$hunter2", "its salt or its output is missing"),
        ("$2b$+4$Zs4h2/Pa.EuSwxUom5ku1epjgPpLK8IXo0Tzu1ZlkOn.FGerPKKbG", "it is in no supported encoding"),
        ("$2b$04$Zs4h2/Pa.EuSwxUom5ku1epjgPpLK8IXo0Tzu1ZlkOn.FGerPKKb", "it is in no supported encoding"),
        ("$2b$04$Zs4h2/Pa.EuSwxUom5ku1epjgPpLK8IXo0Tzu1ZlkOn.FGerPKKbGG", "it is in no supported encoding"),
        (
            "scrypt$1000$salt$8$1$dJFL+DAo3mtihWpjvhp/Tq0buLAZueWlgyzyaXBENz4",
            "it is in no supported encoding",
        ),
        ("$scrypt$ln=10,r=8,p=1$c2FsdA$dJFL", "its salt or its output is missing"),
        (
            "pbkdf2_md5$1000$salt$dJFL+DAo3mtihWpjvhp/Tq0buLAZueWlgyzyaXBENz4",
            "it is in no supported encoding",
        ),
        (
            "pbkdf2_sha256$1000$$dJFL+DAo3mtihWpjvhp/Tq0buLAZueWlgyzyaXBENz4",
            "its salt or its output is missing",
        ),
        (
            "$pbkdf2-sha256$i=1000,l=31$c2FsdA$dJFL+DAo3mtihWpjvhp/Tq0buLAZueWlgyzyaXBENz4",
            "its salt or its output is missing",
        ),
        ("AQAAAAIAAAPo", "its salt or its output is missing"),
        ("AQAAAAIAAAPo/////3NlYXNhbHQ=", "its salt or its output is missing"),
        ("", "it is in no supported encoding"),
    ] {
        let why = ForeignHash::parse(text, bounds()).err().unwrap_or_else(|| panic!("{text:?} is accepted"));
        assert_eq!(why.to_string(), reason, "{text:?}");
        assert!(!format!("{why:?}").contains("hunter2"), "{why:?}");
    }
    assert!(ForeignHash::parse(&"$2b$".repeat(1_000_000), bounds()).is_err());
}

proptest::proptest! {
    #[test]
    fn any_text_is_a_hash_or_an_error(text in "(\\$(2b|scrypt|pbkdf2-sha256|fbscrypt|bcrypt-sha256)|scrypt|pbkdf2_sha1|AQAAAA)?[$:,=0-9a-zA-Z/+.]{0,120}") {
        if let Ok(hash) = ForeignHash::parse(&text, bounds()) {
            assert!(hash.memory_kib() <= 64 * 1024);
        }
    }
}
