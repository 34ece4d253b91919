package persistencetest

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// childVariable makes the process of the test below its own victim.
const childVariable = "ROLLCALL_TEST_CHILD"

// What was committed must survive each way in which a test may break the server:
// otherwise it is the test that loses rows.
func TestClusterKeepsItsDatabaseWhenItIsBroken(t *testing.T) {
	c := NewCluster(t)
	if err := execute(c.URL(), "CREATE TABLE kept (x int)"); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []StopMode{Fast, Immediate, Kill} {
		c.Pause()
		c.Stop(mode) // also when it is paused
		if c.server.ping() == nil {
			t.Errorf("the server answers after %v", mode)
		}
		c.Start()
	}
	c.Pause()
	if c.server.ping() == nil {
		t.Error("the server answers while it is paused")
	}
	c.Resume()
	if err := execute(c.URL(), "DROP TABLE kept"); err != nil {
		t.Error(err)
	}
}

// A test process that is killed runs no clean-up. Its servers must go all the
// same, a paused one included, or they pile up on the machine.
func TestClusterDiesWithItsProcess(t *testing.T) {
	if os.Getenv(childVariable) != "" {
		c := NewCluster(t)
		c.Pause()
		os.Stdout.WriteString("server " + c.server.dir + "\n")
		select {} // until it is killed
	}
	child := exec.Command(os.Args[0], "-test.run=^TestClusterDiesWithItsProcess$")
	child.Env = append(os.Environ(), childVariable+"=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	dir := ""
	for lines := bufio.NewScanner(out); dir == "" && lines.Scan(); {
		dir, _ = strings.CutPrefix(lines.Text(), "server ")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Fatalf("the child has started no server: %v", err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	removed := func() bool {
		_, err := os.Stat(dir)
		return errors.Is(err, fs.ErrNotExist)
	}
	if !poll(30*time.Second, nil, removed) {
		t.Errorf("%s is still there", dir)
	}
	ps, err := exec.Command("ps", "-A", "-o", "args=").Output()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(ps), dir) {
		t.Errorf("a process of %s still runs", dir)
	}
}

// Two tests that share a server must not share a database.
func TestEachTestGetsADatabaseOfItsOwn(t *testing.T) {
	first, second := Postgres(t), Postgres(t)
	if err := execute(first, "CREATE TABLE mine (x int)"); err != nil {
		t.Fatal(err)
	}
	if err := execute(second, "DROP TABLE mine"); err == nil {
		t.Error("the second database has the table of the first")
	}
}
