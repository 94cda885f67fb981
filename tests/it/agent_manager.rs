//! The user's service manager starts the agent where there is one: a real `systemd --user`, in a mount namespace of its own.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::real::has;

/// What is done within the namespace. Every line that is printed is checked.
const SCRIPT: &str = r#"
set -eu
mount -t tmpfs tmpfs /run
export XDG_RUNTIME_DIR=/run/user/$(id -u)
mkdir -p /run/systemd/system "$XDG_RUNTIME_DIR"
chmod 700 "$XDG_RUNTIME_DIR"
/lib/systemd/systemd --user >"$HOME/manager.log" 2>&1 &
manager=$!
trap 'kill $manager 2>/dev/null; wait $manager || true' EXIT
tries=0
until [ -S "$XDG_RUNTIME_DIR/systemd/private" ]; do
    tries=$((tries + 1)); [ $tries -lt 600 ] || { cat "$HOME/manager.log"; exit 1; }
    sleep 0.05
done
systemctl --user is-system-running --wait >/dev/null || true

pid() { "$HAUL" agent status --json | sed 's/.*"pid":\([0-9]*\).*/\1/'; }
unit() { grep -o '[^/]*\.service$' "/proc/$(pid)/cgroup" | head -n 1; }

"$HAUL" list 2>/dev/null
case "$(unit)" in run-*.service) echo "started by the manager" ;; *) echo "started elsewhere: $(unit)" ;; esac
"$HAUL" agent stop 2>/dev/null

"$HAUL" agent install 2>/dev/null
systemctl --user is-enabled haul.service
"$HAUL" list 2>/dev/null
echo "unit: $(unit)"
"$HAUL" agent status | grep stays
echo "ready: $(systemctl --user is-active haul.service)"
kill -9 "$(pid)"
begin=$(date +%s%N)
"$HAUL" list 2>/dev/null
took=$((($(date +%s%N) - begin) / 1000000))
if [ $took -lt 3000 ]; then echo "back at once"; else echo "back after $took ms"; fi
echo "again: $(unit)"
# An older one that came back when it was stopped is left alone, until this one is installed.
older="$(dirname "$("$HAUL" agent status --json | sed 's/.*"socket":"\([^"]*\)".*/\1/')")/agent.older"
printf 0.0.1 >"$older"
"$HAUL" agent install 2>/dev/null
[ -e "$older" ] || echo "forgotten"
"$HAUL" agent uninstall 2>/dev/null
echo "left: $(ls "$HOME/.config/systemd/user" | wc -l)"
"$HAUL" agent status >/dev/null 2>&1 || echo "status $?"
"#;

#[test]
fn the_manager_starts_it_and_the_unit_once_that_is_installed() {
    if !rustix::process::geteuid().is_root() || !has("systemctl") || !has("unshare") {
        return;
    }
    if !Path::new("/lib/systemd/systemd").exists() {
        assert!(std::env::var_os("HAUL_TESTS_NO_SKIP").is_none(), "systemd is not installed");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let outcome = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", SCRIPT])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("HAUL", env!("CARGO_BIN_EXE_haul"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&outcome.stdout).into_owned();
    let told = format!("{said}\n{}", String::from_utf8_lossy(&outcome.stderr));
    assert!(outcome.status.success(), "{told}");
    let said: Vec<_> =
        said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        "started by the manager",
        "enabled",
        "unit: haul.service",
        "stays until it is stopped",
        "ready: active",
        "back at once",
        "again: haul.service",
        "forgotten",
        "left: 0",
        "status 3",
    ];
    assert_eq!(said, expected, "{told}");
}
