package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// chaosVariable makes the test's process the command itself.
const chaosVariable = "ROLLCALL_TEST_CHAOS"

func TestMain(m *testing.M) {
	if os.Getenv(chaosVariable) != "" {
		main()
	}
	os.Exit(m.Run())
}

// A slip of the keyboard must not start a minute of work, pass for a proof, or
// bury what was wrong under a page of help.
func TestWrongCommandLineIsSaidInOneLine(t *testing.T) {
	for _, args := range []string{"-duration=0s", "-duration=-5m", "-duration=soon", "-nosuch", "again", "-clients=0",
		"-servers=0", "-pause=0s", "-slack=-1s", "-lease=1ms", "-faults=(", "-faults=earthquake"} {
		var out, problems strings.Builder
		code := chaos(t.Context(), []string{args}, &out, &problems)
		if code != exitUsage || out.Len() > 0 || strings.Count(problems.String(), "\n") != 1 || !strings.HasPrefix(problems.String(), "chaos: ") {
			t.Errorf("%s: exit code %d, out %q, problems %q", args, code, out.String(), problems.String())
		}
	}
}

// What cannot be run must be said before anything is made that would be left.
func TestMissingServerIsSaidInOneLineAndLeavesNothing(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	var out, problems strings.Builder
	code := chaos(t.Context(), []string{"-rollcall=/no/such"}, &out, &problems)
	if code != exitFailed || out.Len() > 0 || strings.Count(problems.String(), "\n") != 1 || !strings.Contains(problems.String(), "/no/such") {
		t.Errorf("exit code %d, out %q, problems %q", code, out.String(), problems.String())
	}
	wantEmpty(t, temporary)
}

// Whoever has seen enough presses Ctrl-C: then what was seen is written down, and
// no server, database, disk or network is left behind.
func TestInterruptedRunReportsAndLeavesNothing(t *testing.T) {
	folder := t.TempDir()
	rollcall, err := build(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	temporary, file := filepath.Join(folder, "temporary"), filepath.Join(folder, "report.json")
	if err := os.Mkdir(temporary, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{filepath.Dir(folder): 0o755, temporary: 0o777} { // PostgreSQL is another user
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	c := exec.CommandContext(t.Context(), os.Args[0], "-rollcall="+rollcall, "-json="+file,
		"-duration=10m", "-clients=20", "-servers=2", "-pause=100ms", "-seed=1")
	c.Env = append(os.Environ(), chaosVariable+"=1", "TMPDIR="+temporary)
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.Stderr = c.Stdout
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	said := interruptAfterFirstFault(t, c, bufio.NewScanner(out))
	if err := c.Wait(); c.ProcessState.ExitCode() != exitFailed {
		t.Errorf("it ends with %v, want the exit code %d", err, exitFailed)
	}
	if !strings.Contains(said, "Interrupted. Until then the promise was not seen to be broken.") {
		t.Errorf("it says\n%s", said)
	}
	var r report
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil || !r.Interrupted || r.Greetings == 0 || len(r.Faults) == 0 {
		t.Errorf("the report is %+v, %v", r, err)
	}
	wantEmpty(t, temporary)
	wantNoTrace(t, folder, "ps", "-A", "-o", "args=")
	wantNoTrace(t, folder, "mount")
	wantNoCable(t, c.Process.Pid)
}

// interruptAfterFirstFault reads all that the command says.
func interruptAfterFirstFault(t *testing.T, c *exec.Cmd, lines *bufio.Scanner) (said string) {
	t.Helper()
	for interrupted := false; lines.Scan(); {
		said += lines.Text() + "\n"
		struck := slices.ContainsFunc(faultKinds, func(k faultKind) bool { return strings.Contains(lines.Text(), string(k)) })
		if struck && !interrupted {
			interrupted = true
			if err := c.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
	}
	return said
}

func wantEmpty(t *testing.T, folder string) {
	t.Helper()
	left, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("%s is left behind", left)
	}
}

// wantNoTrace fails if a command still names something in the folder.
func wantNoTrace(t *testing.T, folder, command string, args ...string) {
	t.Helper()
	out, err := exec.Command(command, args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, folder) {
			t.Errorf("%s still shows %s", command, line)
		}
	}
}

// wantNoCable waits for the kernel, which takes a namespace down when it has time.
func wantNoCable(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; rest(t.Context(), 10*time.Millisecond) {
		all, err := net.Interfaces()
		if err != nil {
			t.Fatal(err)
		}
		left := slices.IndexFunc(all, func(i net.Interface) bool { return strings.HasPrefix(i.Name, fmt.Sprintf("chaos%dh", pid)) })
		if left < 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the cable %s is still there", all[left].Name)
		}
	}
}
