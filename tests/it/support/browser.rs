//! A headless Chromium that tests drive as a person would, by WebDriver.
//!
//! Each [`Browser`] is a driver of its own with an empty profile; both end when it is dropped. It dereferences to
//! `thirtyfour::WebDriver`. `driver.query(By::Css(..)).first()` waits for what a page has still to show.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::ops::Deref;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{fs, io};

use tempfile::TempDir;
use thirtyfour::common::log::LoggingPrefsLogLevel;
use thirtyfour::{ChromiumLikeCapabilities, DesiredCapabilities, WebDriver};

/// A running browser.
pub struct Browser {
    session: WebDriver,
    // Dropped in this order: the profile must be the last to go.
    driver: Driver,
    _profile: TempDir,
}

impl Browser {
    /// Starts a driver on a free port and a browser with an empty profile, 1280 by 900.
    pub async fn start() -> Self {
        let profile = TempDir::with_prefix("sallyport-browser-").unwrap();
        let driver = Driver::start(profile.path());
        let mut wanted = DesiredCapabilities::chrome();
        for flag in [
            "--headless=new",
            // Root has no sandbox, nor do many containers; the pages are our own.
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--window-size=1280,900",
            // It stays on this machine: no updates, no look-ups of its maker's hosts.
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-quic",
            "--disable-sync",
            "--no-first-run",
            &format!("--user-data-dir={}", profile.path().display()),
        ] {
            wanted.add_arg(flag).unwrap();
        }
        wanted.set_browser_log_level(LoggingPrefsLogLevel::All).unwrap();
        let session = WebDriver::new(format!("http://127.0.0.1:{}", driver.port), wanted)
            .await
            .expect("Chromium starts: `scripts/test` installs it");
        Self { session, driver, _profile: profile }
    }

    /// Saves what the window shows as `target/screenshots/{name}.png`.
    pub async fn screenshot(&self, name: &str) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
        fs::create_dir_all(&folder).unwrap();
        self.session.screenshot(&folder.join(format!("{name}.png"))).await.unwrap();
    }

    /// What the page complained of since the last call: script errors, refused loads, violated policies.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.session.browser_log().await.unwrap();
        log.into_iter().filter(|entry| entry.level == "SEVERE").map(|entry| entry.message).collect()
    }
}

impl Deref for Browser {
    type Target = WebDriver;

    fn deref(&self) -> &WebDriver {
        &self.session
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The library's own end of a session would wait for this runtime, which is standing here.
        self.session.clone().leak().ok();
        if let Err(error) = self.driver.end_session(&self.session.session_id().to_string()) {
            assert!(std::thread::panicking(), "Chromium may still run: {error}");
        }
    }
}

/// A chromedriver process.
struct Driver {
    process: Child,
    port: u16,
}

impl Driver {
    /// Starts it with everything that it and Chromium keep in `home`.
    fn start(home: &Path) -> Self {
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .env("XDG_CONFIG_HOME", home)
            .env("XDG_CACHE_HOME", home)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed: run `scripts/test`, which does that");
        // "ChromeDriver was started successfully on port 40123."
        let port = BufReader::new(process.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok())
            .expect("chromedriver says on which port it listens");
        Self { process, port }
    }

    /// Ends Chromium, and returns when it has ended.
    fn end_session(&self, session: &str) -> io::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let host = format!("127.0.0.1:{}", self.port);
        write!(stream, "DELETE /session/{session} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
        let mut status = String::new();
        BufReader::new(stream).read_line(&mut status)?;
        if status.contains(" 200 ") { Ok(()) } else { Err(io::Error::other(status)) }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

mod tests {
    use thirtyfour::By;

    use super::Browser;
    use crate::support::static_files::StaticFiles;

    #[actix_web::test]
    async fn a_browser_shows_a_page_and_runs_its_modules() {
        let folder = tempfile::tempdir().unwrap();
        let page = r#"<!doctype html><title>Gate</title><button id="go">Go</button><p id="out"></p>
            <script type="module">
              import { open } from "./gate.js";
              const [button, out] = ["go", "out"].map((id) => document.getElementById(id));
              button.onclick = () => { out.textContent = open() };
            </script>"#;
        std::fs::write(folder.path().join("index.html"), page).unwrap();
        std::fs::write(folder.path().join("gate.js"), "export const open = () => `open: ${isSecureContext}`").unwrap();
        let server = StaticFiles::serve(folder.path());
        let browser = Browser::start().await;
        browser.goto(format!("{}/", server.origin())).await.unwrap();
        assert_eq!(browser.title().await.unwrap(), "Gate");
        browser.find(By::Id("go")).await.unwrap().click().await.unwrap();
        assert_eq!(browser.find(By::Id("out")).await.unwrap().text().await.unwrap(), "open: true");
        browser.screenshot("browser-works").await;
        browser.goto(format!("{}/absent", server.origin())).await.unwrap();
        assert!(browser.complaints().await.iter().any(|complaint| complaint.contains("404")));
    }
}
