//! Serves the pages of `tests/clients/`, and the published packages beside them, from an origin of their own.
//!
//! The packages ship modules that browsers load as they are: pages name them in an import map.

use std::path::{Component, Path, PathBuf};

use actix_web::dev::ServerHandle;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};

/// A running server of static files on a free loopback port; it stops when dropped.
pub struct StaticFiles {
    port: u16,
    handle: ServerHandle,
}

impl StaticFiles {
    /// Serves `folder`. Must be called inside an actix or tokio runtime.
    pub fn serve(folder: &Path) -> Self {
        let root = web::Data::new(folder.canonicalize().unwrap());
        let server = HttpServer::new(move || App::new().app_data(root.clone()).default_service(web::to(answer)))
            .workers(1)
            .disable_signals()
            .bind(("127.0.0.1", 0))
            .unwrap();
        let port = server.addrs()[0].port();
        let running = server.run();
        let handle = running.handle();
        actix_web::rt::spawn(running);
        Self { port, handle }
    }

    /// The pages of `tests/clients/`, with its `node_modules`.
    pub fn serve_clients() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
        assert!(
            folder.join("node_modules").is_dir(),
            "tests/clients/node_modules is missing: run `scripts/test`, which fetches the packages"
        );
        Self::serve(&folder)
    }

    /// `http://127.0.0.1:PORT`, a secure context for browsers; paths are the folder's.
    pub fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for StaticFiles {
    fn drop(&mut self) {
        // The command is sent at once; nothing waits for the answer.
        drop(self.handle.stop(false));
    }
}

async fn answer(request: HttpRequest, root: web::Data<PathBuf>) -> HttpResponse {
    match resolve(&root, request.path()).and_then(|file| std::fs::read(&file).ok().map(|body| (file, body))) {
        Some((file, body)) => HttpResponse::Ok().insert_header((CONTENT_TYPE, media_type(&file))).body(body),
        None => HttpResponse::NotFound().finish(),
    }
}

/// The file below `root` that a URL path names; a path that ends in `/` names the `index.html` there.
fn resolve(root: &Path, path: &str) -> Option<PathBuf> {
    let mut file = root.to_path_buf();
    for part in Path::new(path).components() {
        match part {
            Component::RootDir => {}
            Component::Normal(name) => file.push(name),
            _ => return None,
        }
    }
    if path.ends_with('/') {
        file.push("index.html");
    }
    // Links may not lead out either.
    let file = file.canonicalize().ok()?;
    (file.starts_with(root) && file.is_file()).then_some(file)
}

fn media_type(file: &Path) -> &'static str {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("css") => "text/css; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("json" | "map") => "application/json",
        _ => "application/octet-stream",
    }
}

mod tests {
    use super::{StaticFiles, resolve};

    #[test]
    fn paths_stay_below_the_root() {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("secret.txt");
        let root = folder.path().canonicalize().unwrap().join("root");
        std::fs::create_dir_all(root.join("page")).unwrap();
        for file in [&outside, &root.join("page/index.html"), &root.join("a.js")] {
            std::fs::write(file, "x").unwrap();
        }
        std::os::unix::fs::symlink(&outside, root.join("link.txt")).unwrap();
        for (path, found) in [
            ("/a.js", true),
            ("/page/", true),
            ("/page", false),
            ("/", false),
            ("/../secret.txt", false),
            ("/page/../../secret.txt", false),
            ("//secret.txt", false),
            ("/link.txt", false),
        ] {
            assert_eq!(resolve(&root, path).is_some(), found, "{path}");
        }
    }

    #[actix_web::test]
    async fn a_served_file_says_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.js"), "export {}").unwrap();
        let server = StaticFiles::serve(folder.path());
        let answer = reqwest::get(format!("{}/a.js", server.origin())).await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/javascript; charset=utf-8");
        assert_eq!(answer.text().await.unwrap(), "export {}");
        assert_eq!(reqwest::get(format!("{}/b.js", server.origin())).await.unwrap().status(), 404);
    }
}
