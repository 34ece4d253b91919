package transporttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"
)

const (
	// nodeTimeout bounds one run of Node's tests. Behind it they are killed, and
	// fail.
	nodeTimeout = 2 * time.Minute
	// nodeOldest is the first version whose test runner can turn the clock.
	nodeOldest = 20
	// maxNodeOutput is how much of what a failed run has said is shown, from its end,
	// where Node names what failed.
	maxNodeOutput = 4 << 10
)

// errNoNode says what to do.
var errNoNode = fmt.Errorf("no Node.js %d or newer to test the client library with: "+
	"put node and npm on the PATH (on Debian, as root: apt-get install nodejs npm)", nodeOldest)

// installNode is Debian's way.
const installNode = `
set -e
export DEBIAN_FRONTEND=noninteractive
apt-get -qq -o DPkg::Lock::Timeout=120 update
apt-get -qq -o DPkg::Lock::Timeout=120 install -y --no-install-recommends nodejs npm
`

// Node runs those test files of a folder in Node.js that fit the pattern. They know
// the server that they are to talk to from their environment: as ROLLCALL_URL,
// ROLLCALL_EMAIL and ROLLCALL_TOKEN.
func Node(t *testing.T, s Site, folder, pattern string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, filepath.FromSlash(pattern)))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no tests %s in %s (%v)", pattern, folder, err)
	}
	node, err := findNode()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), nodeTimeout)
	defer cancel()
	// Node 20 has a WebSocket only when told so; newer ones have it anyway.
	// One file after another: they may share a server.
	arguments := append([]string{"--no-warnings", "--experimental-websocket", "--test", "--test-concurrency=1", "--test-reporter=spec"}, files...)
	run := exec.CommandContext(ctx, node, arguments...)
	run.Env = append(os.Environ(), "ROLLCALL_URL="+s.URL, "ROLLCALL_EMAIL="+s.Email, "ROLLCALL_TOKEN="+s.Token)
	out, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("node --test %s: %v\n%s", pattern, err, out[max(0, len(out)-maxNodeOutput):])
	}
	if passed := nodePassed.FindSubmatch(out); passed == nil || string(passed[1]) == "0" {
		t.Fatalf("node --test %s has found no test", pattern)
	}
}

var nodePassed = regexp.MustCompile(`(?m)^\S* ?pass (\d+)$`)

// findNode finds the program once for all tests, and installs it at need.
var findNode = sync.OnceValues(func() (string, error) {
	if node, err := lookNode(); err == nil {
		return node, nil
	}
	if _, err := os.Stat("/etc/debian_version"); err != nil || os.Geteuid() != 0 {
		return "", errNoNode
	}
	if out, err := exec.Command("/bin/sh", "-c", installNode).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w (apt-get failed: %w)\n%s", errNoNode, err, out)
	}
	return lookNode()
})

func lookNode() (string, error) {
	_, npmErr := exec.LookPath("npm")
	node, err := exec.LookPath("node")
	if err = errors.Join(err, npmErr); err != nil {
		return "", fmt.Errorf("%w (%w)", errNoNode, err)
	}
	version, err := exec.Command(node, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%w (%s: %w)", errNoNode, node, err)
	}
	major, _, _ := bytes.Cut(bytes.TrimPrefix(version, []byte("v")), []byte("."))
	if n, err := strconv.Atoi(string(major)); err != nil || n < nodeOldest {
		return "", fmt.Errorf("%w (%s is %s)", errNoNode, node, bytes.TrimSpace(version))
	}
	return node, nil
}
