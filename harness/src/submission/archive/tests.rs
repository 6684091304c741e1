use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tar::{Builder, EntryType, Header};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;

const SMALL: Bounds = Bounds {
    packed: 1 << 20,
    bytes: 200_000,
    entries: 50,
    depth: 5,
    ratio: 20,
    free: 50_000,
};

/// What unpacking these bytes comes to, in a folder of their own. Nothing may ever be beside it.
fn taken(bytes: &[u8], bounds: &Bounds) -> Result<BTreeMap<String, Vec<u8>>, Refusal> {
    let dir = tempfile::tempdir().expect("dir");
    let (archive, to) = (dir.path().join("a"), dir.path().join("in/to"));
    fs::create_dir(dir.path().join("in")).expect("folder");
    fs::write(&archive, bytes).expect("archive");
    let done = unpack(&archive, &to, bounds);
    for (folder, count) in [(dir.path().to_owned(), 2), (dir.path().join("in"), 1)] {
        let beside = fs::read_dir(&folder).expect("folder").count();
        assert!(beside <= count, "{} has {beside} entries", folder.display());
    }
    let mut files = BTreeMap::new();
    let mut bytes = 0;
    collect(&to, "", &mut files, &mut bytes);
    assert!(bytes <= bounds.bytes + (64 << 10), "{bytes} bytes written");
    match done {
        Ok(()) => Ok(files),
        Err(ArchiveError::Refused { refusal, .. }) => Err(refusal),
        Err(error) => panic!("{error}"),
    }
}

fn collect(folder: &Path, above: &str, files: &mut BTreeMap<String, Vec<u8>>, bytes: &mut u64) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = format!("{above}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().expect("type");
        assert!(kind.is_dir() || kind.is_file(), "{name} is neither");
        if kind.is_dir() {
            collect(&entry.path(), &format!("{name}/"), files, bytes);
            files.insert(name + "/", Vec::new());
        } else {
            let content = fs::read(entry.path()).expect("file");
            *bytes += content.len() as u64;
            files.insert(name, content);
        }
    }
}

fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(io::Cursor::new(Vec::new()));
    for (name, content) in entries {
        let options = SimpleFileOptions::default();
        if name.ends_with('/') {
            writer.add_directory(*name, options).expect("folder");
        } else {
            writer.start_file(*name, options).expect("file");
            writer.write_all(content).expect("content");
        }
    }
    writer.finish().expect("zip").into_inner()
}

/// Headers are made by hand: the library writes no wicked names.
fn tar(entries: &[(&[u8], EntryType, &[u8])]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, kind, content) in entries {
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name);
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, *content).expect("entry");
    }
    builder.into_inner().expect("tar")
}

fn file<'a>(name: &'a str, content: &'a [u8]) -> (&'a [u8], EntryType, &'a [u8]) {
    (name.as_bytes(), EntryType::Regular, content)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("gzip");
    encoder.finish().expect("gzip")
}

#[test]
fn plain_archives_come_out_as_they_went_in() {
    let entries: [(&str, &[u8]); 4] = [
        ("main.py", b"print()"),
        ("src/", b""),
        ("src/a/b.txt", "Привет".as_bytes()),
        ("__MACOSX/._main.py", b"litter"),
    ];
    let wanted = ["main.py", "src/", "src/a/", "src/a/b.txt"];
    let of_zip = taken(&zip(&entries), &SMALL).expect("taken");
    assert_eq!(of_zip.keys().collect::<Vec<_>>(), wanted);
    assert_eq!(of_zip["src/a/b.txt"], "Привет".as_bytes());
    let plain = tar(&[
        (b"./", EntryType::Directory, b""),
        file("./main.py", b"print()"),
        (b"src/", EntryType::Directory, b""),
        file("src/a/b.txt", "Привет".as_bytes()),
    ]);
    assert_eq!(taken(&plain, &SMALL).expect("taken"), of_zip);
    assert_eq!(taken(&gzip(&plain), &SMALL).expect("taken"), of_zip);
}

#[test]
fn what_other_tools_pack_is_read() {
    let dir = tempfile::tempdir().expect("dir");
    // Longer than the old headers have room for.
    for (format, length) in [("gnu", 150), ("pax", 150), ("ustar", 90), ("v7", 50)] {
        let (top, long) = (dir.path().join(format), "x".repeat(length));
        fs::create_dir_all(top.join("hw").join(&long)).expect("folder");
        fs::write(top.join("hw").join(&long).join("main.py"), "x").expect("file");
        fs::write(top.join("hw/run"), "#!/bin/sh\n").expect("file");
        fs::set_permissions(top.join("hw/run"), fs::Permissions::from_mode(0o750)).expect("mode");
        let mut tar = std::process::Command::new("tar");
        tar.current_dir(&top)
            .args(["-czf", "a.tar.gz", "--format", format, "hw"]);
        let made = tar.output().expect("tar starts");
        assert!(made.status.success(), "{made:?}");
        let to = top.join("to");
        unpack(&top.join("a.tar.gz"), &to, &SMALL).unwrap_or_else(|e| panic!("{format}: {e}"));
        let inner = inner(&to, &|_| false);
        assert_eq!(inner, to.join("hw"));
        assert_eq!(super::inner(&to, &|name| name == "hw"), to);
        assert_eq!(
            fs::read(inner.join(&long).join("main.py")).expect("file"),
            b"x"
        );
        let mode = fs::metadata(inner.join("run"))
            .expect("meta")
            .permissions()
            .mode();
        assert_eq!(mode & 0o7777, 0o755);
    }
}

#[test]
fn wicked_names_are_refused() {
    let long = "n".repeat(256);
    let deep = "d/".repeat(6) + "f";
    type Right = fn(&Refusal) -> bool;
    let expected: [(&str, Right); 13] = [
        ("../x", |r| matches!(r, Refusal::Outside(_))),
        ("a/../../x", |r| matches!(r, Refusal::Outside(_))),
        ("a/..", |r| matches!(r, Refusal::Outside(_))),
        ("..\\x", |r| matches!(r, Refusal::Outside(_))),
        ("/etc/x", |r| matches!(r, Refusal::Absolute(_))),
        ("\\x", |r| matches!(r, Refusal::Absolute(_))),
        ("C:/x", |r| matches!(r, Refusal::Absolute(_))),
        ("c:x", |r| matches!(r, Refusal::Absolute(_))),
        ("a\\b", |r| matches!(r, Refusal::Name(_))),
        ("a\nb", |r| matches!(r, Refusal::Name(_))),
        ("\u{1b}[2Jx", |r| matches!(r, Refusal::Name(_))),
        (&long, |r| matches!(r, Refusal::Name(_))),
        (&deep, |r| matches!(r, Refusal::TooDeep { .. })),
    ];
    for (name, right) in expected {
        let refusal = taken(&zip(&[(name, b"x")]), &SMALL).expect_err(name);
        assert!(right(&refusal), "zip {name:?}: {refusal}");
        assert!(!refusal.to_string().contains(char::is_control));
        if name.len() < 100 {
            let refusal = taken(&tar(&[file(name, b"x")]), &SMALL).expect_err(name);
            assert!(right(&refusal), "tar {name:?}: {refusal}");
        }
    }
    let encoded = tar(&[(b"caf\xe9.py", EntryType::Regular, b"x")]);
    assert!(matches!(taken(&encoded, &SMALL), Err(Refusal::Encoding(_))));
}

#[test]
fn names_that_can_t_stand_side_by_side_are_refused() {
    let both = |a: &str, b: &str| {
        let of_zip = taken(&zip(&[(a, b"1"), (b, b"2")]), &SMALL).expect_err(a);
        let of_tar = taken(&tar(&[file(a, b"1"), file(b, b"2")]), &SMALL).expect_err(a);
        assert_eq!(of_zip, of_tar);
        of_zip
    };
    assert!(matches!(both("Main.py", "main.py"), Refusal::Case(..)));
    assert!(matches!(both("Src/a", "src/b"), Refusal::Case(..)));
    assert!(matches!(both("Ё.py", "ё.py"), Refusal::Case(..)));
    assert!(matches!(both("a", "a/b"), Refusal::Clash(_)));
    assert!(matches!(both("a/b", "a"), Refusal::Clash(_)));
    assert!(matches!(both("a/./b", "a//b"), Refusal::Twice(_)));
}

#[test]
fn links_and_devices_are_refused() {
    for kind in [EntryType::Symlink, EntryType::Link] {
        let bytes = tar(&[(b"etc", kind, b""), file("etc/passwd", b"x")]);
        assert!(matches!(taken(&bytes, &SMALL), Err(Refusal::Link(_))));
    }
    for kind in [
        EntryType::Char,
        EntryType::Block,
        EntryType::Fifo,
        EntryType::GNUSparse,
    ] {
        assert!(matches!(
            taken(&tar(&[(b"x", kind, b"")]), &SMALL),
            Err(Refusal::NoFile(_))
        ));
    }
    let mut writer = ZipWriter::new(io::Cursor::new(Vec::new()));
    writer
        .add_symlink("etc", "/etc", SimpleFileOptions::default())
        .expect("link");
    let bytes = writer.finish().expect("zip").into_inner();
    assert_eq!(taken(&bytes, &SMALL), Err(Refusal::Link("etc".into())));
}

#[test]
fn bombs_are_refused_by_size_count_and_ratio() {
    let zeros = vec![0; 150_000];
    assert_eq!(
        taken(&zip(&[("z", &zeros)]), &SMALL),
        Err(Refusal::Ratio(20))
    );
    assert_eq!(
        taken(&gzip(&tar(&[file("z", &zeros)])), &SMALL),
        Err(Refusal::Ratio(20))
    );
    // Hidden in what is left out, in a folder's content, in a name.
    let litter = zip(&[("__MACOSX/z", &zeros)]);
    assert_eq!(taken(&litter, &SMALL), Err(Refusal::Ratio(20)));
    for kind in [
        EntryType::Directory,
        EntryType::GNULongName,
        EntryType::XHeader,
    ] {
        let bytes = gzip(&tar(&[(b"z", kind, &zeros)]));
        assert!(taken(&bytes, &SMALL).is_err(), "{kind:?}");
    }
    let loose = Bounds {
        ratio: 100_000,
        ..SMALL
    };
    let zeros = vec![0; 250_000];
    assert_eq!(
        taken(&zip(&[("n", &zeros)]), &loose),
        Err(Refusal::TooLarge(200_000))
    );
    let names: Vec<String> = (0..60).map(|n| format!("f{n}")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|n| (n.as_str(), &b""[..])).collect();
    assert_eq!(taken(&zip(&many), &SMALL), Err(Refusal::TooMany(50)));
    let many: Vec<_> = names.iter().map(|n| file(n, b"")).collect();
    assert_eq!(taken(&tar(&many), &SMALL), Err(Refusal::TooMany(50)));
    let folders = "a/b/c/d/e".to_owned();
    let few = Bounds {
        entries: 3,
        ..SMALL
    };
    assert_eq!(
        taken(&zip(&[(&folders, b"")]), &few),
        Err(Refusal::TooMany(3))
    );
    let tight = Bounds {
        packed: 10,
        ..SMALL
    };
    assert_eq!(taken(&zip(&[("a", b"")]), &tight), Err(Refusal::Packed(10)));
}

#[test]
fn what_is_no_archive_or_half_of_one_is_said() {
    assert_eq!(
        taken(b"Rar!\x1a\x07\x01\x00", &SMALL),
        Err(Refusal::Unknown)
    );
    assert_eq!(taken(b"", &SMALL), Err(Refusal::Unknown));
    let whole = zip(&[("a", b"content")]);
    assert!(matches!(
        taken(&whole[..whole.len() - 30], &SMALL),
        Err(Refusal::Damaged(_))
    ));
    let whole = gzip(&tar(&[file("a", &[7; 3000])]));
    assert!(matches!(
        taken(&whole[..whole.len() / 2], &SMALL),
        Err(Refusal::Damaged(_))
    ));
    let whole = tar(&[file("a", &[7; 3000])]);
    assert!(matches!(
        taken(&whole[..2000], &SMALL),
        Err(Refusal::Damaged(_))
    ));
}

#[test]
fn a_pipe_is_not_waited_for() {
    let dir = tempfile::tempdir().expect("dir");
    let pipe = dir.path().join("a.zip");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .expect("pipe");
    let error = unpack(&pipe, &dir.path().join("to"), &SMALL).expect_err("refused");
    assert!(error.is_submission() && error.to_string().contains("not a regular file"));
}

#[test]
fn endings_tell_archives() {
    let stem = |name: &str| stem(Path::new(name));
    assert_eq!(stem("x/hw 1.tar.gz").as_deref(), Some("hw 1"));
    assert_eq!(stem("A.ZIP").as_deref(), Some("A"));
    assert_eq!(
        (stem("a.rar"), stem(".zip"), stem("zip")),
        (None, None, None)
    );
}

fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("..".to_owned()),
        Just(".".to_owned()),
        Just(String::new()),
        "[aA\\\\:/ ]{1,3}",
        "\\PC{1,4}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn whatever_names_there_are_nothing_is_written_outside(
        names in prop::collection::vec(prop::collection::vec(part(), 1..4).prop_map(|p| p.join("/")), 1..5)
    ) {
        // The writer takes no name twice; the reader's way with that is tested above.
        let distinct: std::collections::BTreeSet<&String> = names.iter().collect();
        let entries: Vec<(&str, &[u8])> = distinct.iter().map(|n| (n.as_str(), &b"x"[..])).collect();
        let _ = taken(&zip(&entries), &SMALL);
        let short: Vec<_> = names.iter().filter(|n| n.len() < 100).map(|n| file(n, b"x")).collect();
        let _ = taken(&tar(&short), &SMALL);
    }

    #[test]
    fn damaged_archives_never_panic(
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12), cut in any::<prop::sample::Index>(), which in 0..3
    ) {
        let entries = [file("main.py", b"print()"), file("src/a/b.txt", &[9; 700])];
        let mut bytes = match which {
            0 => zip(&[("main.py", b"print()"), ("src/a/b.txt", &[9; 700])]),
            1 => tar(&entries),
            _ => gzip(&tar(&entries)),
        };
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let cut = cut.index(bytes.len()) .max(bytes.len() / 2);
        let _ = taken(&bytes, &SMALL);
        let _ = taken(&bytes[..cut], &SMALL);
    }
}
