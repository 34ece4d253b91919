package main

import (
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/rollcall/rollcall"
)

// TestSettingsHaveTheirPublishedDefaults guards names and values that scripts
// and the documentation count on.
func TestSettingsHaveTheirPublishedDefaults(t *testing.T) {
	got := parseSettings(t)
	want := settings{
		Listen: "127.0.0.1:8000", Lease: 15 * time.Second,
		Sessions: rollcall.PolicyMany, EmailMatch: "exact",
		MaxMessage: 1 << 20, PingInterval: 20 * time.Second, PongTimeout: 30 * time.Second,
		ConnectTimeout: 5 * time.Second, MaxWatchers: 1000, MaxMessageRate: 20000, Reader: "auto", HistoryFor: 720 * time.Hour, DatabaseWait: 30 * time.Second,
	}
	if got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// TestSettingsComeFromVariables shows that a container needs no command line,
// and that a flag still wins over a variable.
func TestSettingsComeFromVariables(t *testing.T) {
	t.Setenv("ROLLCALL_SESSIONS", "newest")
	t.Setenv("ROLLCALL_MAX_MESSAGE", "64KiB")
	t.Setenv("ROLLCALL_MIGRATE", "true")
	t.Setenv("ROLLCALL_LEASE", "3s")
	got := parseSettings(t, "--lease", "4s")
	if got.Sessions != rollcall.PolicyNewest || got.MaxMessage != 64<<10 || !got.Migrate || got.Lease != 4*time.Second {
		t.Errorf("got %+v", got)
	}
}

// TestEverySettingHasItsVariable holds the rule by which a variable is found
// without looking: ROLLCALL_ and the flag's name.
func TestEverySettingHasItsVariable(t *testing.T) {
	var all struct {
		shared
		settings
	}
	for _, flag := range kong.Must(&all, kong.NoDefaultHelp()).Model.Flags {
		want := "ROLLCALL_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		if len(flag.Envs) != 1 || flag.Envs[0] != want {
			t.Errorf("--%s has the variables %v, want %s", flag.Name, flag.Envs, want)
		}
		if flag.Help == "" {
			t.Errorf("--%s has no help", flag.Name)
		}
	}
}

// TestNodeNameIsHostAndPort makes a restart the successor of its predecessor:
// the name must be the same again, and another on the next port.
func TestNodeNameIsHostAndPort(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	unnamed := settings{}
	if got, err := unnamed.nodeName("127.0.0.1:8000"); err != nil || got != net.JoinHostPort(host, "8000") {
		t.Errorf("got %q, %v", got, err)
	}
	named := settings{Node: "front-1"}
	if got, err := named.nodeName("127.0.0.1:8000"); err != nil || got != "front-1" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestByteSizesAreReadAndWrittenAlike covers every unit and the ways to get one
// wrong, an overflow included.
func TestByteSizesAreReadAndWrittenAlike(t *testing.T) {
	for text, want := range map[string]byteSize{
		"0B": 0, "1B": 1, "1000B": 1000, "64KiB": 64 << 10, "1MiB": 1 << 20, "3GiB": 3 << 30, "1025KiB": 1025 << 10,
	} {
		var got byteSize
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want || got.String() != text {
			t.Errorf("%s was read as %d and written as %s, %v", text, int64(got), got, err)
		}
	}
	var plain byteSize
	if err := plain.UnmarshalText([]byte("1048576")); err != nil || plain.String() != "1MiB" {
		t.Errorf("1048576 is %s, %v", plain, err)
	}
	for _, text := range []string{"", "B", "KiB", "1MB", "1 MiB", "-1", "-1KiB", "1.5MiB", "0x10", "1kib", "9223372036854775808", "8589934592GiB"} {
		var got byteSize
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as %d", text, int64(got))
		}
	}
}

// TestLogFollowsItsSettings checks that an operator's choice of format and
// level reaches the log.
func TestLogFollowsItsSettings(t *testing.T) {
	var said transcript
	s := &shared{LogFormat: "json", LogLevel: "warn"}
	log, err := s.logger(&streams{err: &said})
	if err != nil {
		t.Fatal(err)
	}
	log.Info("left out")
	log.Warn("kept", slog.Int("n", 1))
	if got := said.String(); strings.Contains(got, "left out") || !strings.Contains(got, `"msg":"kept","n":1`) {
		t.Errorf("logged %q", got)
	}
}

func parseSettings(t *testing.T, args ...string) settings {
	t.Helper()
	var s settings
	parser, err := kong.New(&s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestDemoLinkCanBeOpened: nobody can open http://[::]:8000.
func TestDemoLinkCanBeOpened(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:8000": "127.0.0.1:8000",
		"0.0.0.0:8000":   "localhost:8000",
		"[::]:8000":      "localhost:8000",
		"[::1]:8000":     "[::1]:8000",
	} {
		if got := reachable(address); got != want {
			t.Errorf("a server on %s is reached at %s, want %s", address, got, want)
		}
	}
}
