//! Writing a file so that nobody ever sees half of it.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::StoreError;

/// Writes the whole file under a temporary name beside it, then gives it its own. What isn't a regular
/// file (`/dev/stdout`, a pipe) is written to as it is. Folders on the way are made.
///
/// # Errors
/// If any of this fails; then nothing has changed under the final name.
pub fn whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    if fs::metadata(path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
        let file = fs::OpenOptions::new().write(true).open(path);
        return file
            .and_then(|mut file| file.write_all(bytes))
            .map_err(StoreError::io("written", path));
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    fs::create_dir_all(&folder).map_err(StoreError::io("made", &folder))?;
    let failed = || StoreError::io("written", path);
    let mut builder = tempfile::Builder::new();
    // What everybody's `touch` would give; the umask takes its part.
    builder
        .prefix(".gradus-")
        .permissions(Permissions::from_mode(0o666));
    let mut file = builder.tempfile_in(&folder).map_err(failed())?;
    file.write_all(bytes).map_err(failed())?;
    file.as_file().sync_data().map_err(failed())?;
    file.persist(path).map_err(|error| failed()(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("a/b/report.json");
        whole(&path, b"first").expect("written");
        whole(&path, b"second").expect("written");
        assert_eq!(fs::read(&path).expect("read"), b"second");
        let names: Vec<_> = fs::read_dir(dir.path().join("a/b")).expect("dir").collect();
        assert_eq!(names.len(), 1);
        assert_ne!(
            fs::metadata(&path).expect("meta").permissions().mode() & 0o400,
            0
        );
    }

    #[test]
    fn what_is_no_regular_file_is_written_to() {
        whole(Path::new("/dev/null"), b"x").expect("written");
        let error = whole(Path::new("/dev/full"), b"x")
            .expect_err("full")
            .to_string();
        assert!(
            error.contains("/dev/full can't be written") && error.contains("disk is full"),
            "{error}"
        );
    }

    #[test]
    fn a_folder_in_the_way_is_an_error_and_stays() {
        let dir = tempfile::tempdir().expect("dir");
        let path = dir.path().join("report.json");
        fs::create_dir(&path).expect("folder");
        fs::write(path.join("x"), "x").expect("file");
        assert!(whole(&path, b"x").is_err());
        assert!(path.join("x").exists());
        assert!(whole(&path.join("x/y"), b"x").is_err());
    }
}
