//! The real program on a terminal of its own: what it shows is read by a terminal emulator, what is typed goes through a
//! pseudo terminal.

use std::io::{Read as _, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

/// The longest anything is waited for; a machine under load is slow, not wrong.
const PATIENCE: Duration = Duration::from_mins(1);

/// A program on a terminal.
pub struct Pty {
    master: Option<Box<dyn MasterPty + Send>>,
    keys: Option<Box<dyn Write + Send>>,
    child: Box<dyn Child + Send + Sync>,
    emulator: Arc<Mutex<vt100::Parser>>,
    /// Whether nobody reads any more.
    closed: Arc<AtomicBool>,
    /// What was written to the terminal, with the time since the start.
    written: Written,
}

/// Pieces of output in the order they came.
type Written = Arc<Mutex<Vec<(Duration, Vec<u8>)>>>;

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }
}

fn nonzero(n: u16) -> NonZeroU16 {
    n.try_into().unwrap()
}

/// A terminal and the program on it.
pub type Spawned = (Box<dyn MasterPty + Send>, Box<dyn Child + Send + Sync>);

/// Starts `program` on a new terminal, in an environment of its own below `home`; `env` comes on top.
pub fn spawn(program: &str, args: &[&str], home: &Path, env: &[(&str, String)], columns: u16, rows: u16) -> Spawned {
    let pair = native_pty_system().openpty(size(columns, rows)).unwrap();
    let mut command = CommandBuilder::new(program);
    command.args(args);
    command.env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("HOME", home);
    for (name, dir) in [("XDG_CONFIG_HOME", "config"), ("XDG_DATA_HOME", "data"), ("XDG_STATE_HOME", "state")] {
        command.env(name, home.join(dir));
    }
    command.env("TERM", "xterm-256color");
    command.env("LANG", "C.UTF-8");
    for (name, value) in env {
        command.env(name, value);
    }
    command.cwd(home);
    // The other end of the terminal is the program's alone once this returns.
    let child = pair.slave.spawn_command(command).unwrap();
    (pair.master, child)
}

impl Pty {
    /// Starts `program` in an environment of its own below `home`; `env` comes on top.
    pub fn start(program: &str, args: &[&str], home: &Path, env: &[(&str, String)], columns: u16, rows: u16) -> Self {
        let (master, child) = spawn(program, args, home, env, columns, rows);
        let emulator = Arc::new(Mutex::new(vt100::Parser::new(nonzero(rows), nonzero(columns), 200)));
        let mut reader = master.try_clone_reader().unwrap();
        let screen = Arc::clone(&emulator);
        let closed = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&closed);
        let written = Written::default();
        let (record, began) = (Arc::clone(&written), Instant::now());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n) = reader.read(&mut bytes) {
                if n == 0 || stop.load(Ordering::SeqCst) {
                    break;
                }
                screen.lock().unwrap().process(&bytes[..n]);
                record.lock().unwrap().push((began.elapsed(), bytes[..n].to_vec()));
            }
        });
        let keys = Some(master.take_writer().unwrap());
        Self { master: Some(master), keys, child, emulator, closed, written }
    }

    /// Types; `\r` is enter, `\x1b` escape.
    pub fn type_in(&mut self, text: &str) {
        let keys = self.keys.as_mut().unwrap();
        keys.write_all(text.as_bytes()).unwrap();
        keys.flush().unwrap();
    }

    /// Everything written to the terminal so far.
    pub fn written(&self) -> Vec<(Duration, Vec<u8>)> {
        self.written.lock().unwrap().clone()
    }

    /// What is on the screen.
    pub fn text(&self) -> String {
        self.emulator.lock().unwrap().screen().contents()
    }

    /// Looks at the screen.
    pub fn look<T>(&self, at: impl FnOnce(&vt100::Screen) -> T) -> T {
        at(self.emulator.lock().unwrap().screen())
    }

    /// Waits until the screen holds a text.
    pub fn until(&self, wanted: &str) {
        self.until_so(wanted, |text| text.contains(wanted));
    }

    /// Waits until the screen is as `so` says.
    pub fn until_so(&self, what: &str, so: impl Fn(&str) -> bool) {
        let began = Instant::now();
        while !so(&self.text()) {
            assert!(began.elapsed() < PATIENCE, "never came: {what}\n{}", self.text());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        self.emulator.lock().unwrap().screen_mut().set_size(nonzero(rows), nonzero(columns));
        self.master.as_ref().unwrap().resize(size(columns, rows)).unwrap();
    }

    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.process_id().unwrap()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// Pulls the plug: the other end of the terminal is gone once the program has written something more.
    pub fn close(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        self.keys = None;
        self.master = None;
    }

    /// Waits for the end and gives the exit code; a signal is 128 and more.
    pub fn ended(&mut self) -> u32 {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            assert!(began.elapsed() < PATIENCE, "it does not end\n{}", self.text());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The terminal is as a shell wants it: its own screen, a cursor, plain pastes, no mouse, lines and echo.
    pub fn assert_restored(&mut self) {
        let began = Instant::now();
        let restored = |screen: &vt100::Screen| {
            !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
        };
        while !self.look(restored) {
            assert!(began.elapsed() < PATIENCE, "the terminal is not restored\n{}", self.text());
            std::thread::sleep(Duration::from_millis(10));
        }
        let modes = format!("{:?}", self.master.as_ref().unwrap().get_termios().unwrap());
        assert!(modes.contains("ECHO ") || modes.contains("ECHO |"), "no echo: {modes}");
        assert!(modes.contains("ICANON") && modes.contains("ISIG"), "still raw: {modes}");
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        // It may have ended long ago.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
