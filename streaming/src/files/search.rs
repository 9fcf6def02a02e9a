//! Looks for the one file to answer with.

use std::sync::Arc;

use super::{FileError, Links, OpenFile, accept::Coding, media_type, path::PathBelow, root::Root};

const INDEX: &str = "index.html";

pub(super) struct Search {
    pub(super) root: Arc<Root>,
    pub(super) links: Links,
    /// In which the client would take it, the best first.
    pub(super) codings: Vec<Coding>,
}

pub(super) struct Found {
    pub(super) file: OpenFile,
    pub(super) media_type: &'static str,
    /// In which the file is.
    pub(super) coding: Option<Coding>,
}

impl Search {
    /// Blocks.
    pub(super) fn run(&self, path: &PathBelow) -> Result<Found, FileError> {
        if path.is_folder {
            return self.index(path);
        }
        match self.encoded(path) {
            Err(error) if error.is_folder() => self.index(path).and(Err(error)),
            found => found,
        }
    }

    fn index(&self, folder: &PathBelow) -> Result<Found, FileError> {
        match self.encoded(&folder.join(INDEX)) {
            Err(error) if error.is_folder() => Err(FileError::not_found()),
            found => found,
        }
    }

    fn encoded(&self, path: &PathBelow) -> Result<Found, FileError> {
        let plain = self.plain(path)?;
        let media_type = media_type::of(path.last_name());
        for &coding in &self.codings {
            let path = format!("{}.{}", path.as_str(), coding.suffix());
            let opened = self.root.open(&path, self.links).and_then(OpenFile::new);
            if let Some(file) = opened.ok().filter(|file| file.is_as_new_as(&plain)) {
                let coding = Some(coding);
                return Ok(Found {
                    file,
                    media_type,
                    coding,
                });
            }
        }
        Ok(Found {
            file: plain,
            media_type,
            coding: None,
        })
    }

    fn plain(&self, path: &PathBelow) -> Result<OpenFile, FileError> {
        let file = self.root.open(path.as_str(), self.links);
        let file = file.map_err(FileError::new)?;
        let metadata = file.metadata().map_err(FileError::new)?;
        if metadata.is_dir() {
            return Err(FileError::folder());
        }
        OpenFile::of(file, &metadata).map_err(FileError::new)
    }
}
