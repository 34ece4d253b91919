package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/transport"
)

// The limits of the settings. A value beyond one is refused before anything
// starts, with an error that names the limit.
const (
	minLease    = time.Second           // below it, one slow commit would look like a death
	minInterval = 10 * time.Millisecond // below it, waiting is a busy loop
	maxMessage  = byteSize(1 << 30)     // above it, one client could take all memory
	maxNodeName = 255                   // the column that keeps the name
	maxGrace    = 10 * time.Minute      // above it, the list would be of who was here today
)

// shared are the settings of every command.
type shared struct {
	Database  string `env:"ROLLCALL_DATABASE" default:"sqlite://rollcall.db" placeholder:"URL" help:"The database: sqlite://FILE or postgres://USER:PASSWORD@HOST/NAME. Default ${default}."`
	LogFormat string `env:"ROLLCALL_LOG_FORMAT" default:"text" enum:"text,json" help:"How the log on standard error is written: ${enum}."`
	LogLevel  string `env:"ROLLCALL_LOG_LEVEL" default:"info" enum:"debug,info,warn,error" help:"The least important entries to log: ${enum}."`
}

// Validate refuses a database that no driver would know, before it is needed.
func (s *shared) Validate() error {
	if _, _, err := persistence.NewConnector(s.Database); err != nil {
		return fmt.Errorf("--database: %w", err)
	}
	return nil
}

// settings are what a running server can be told: the one list of them.
type settings struct {
	Listen string        `env:"ROLLCALL_LISTEN" default:"127.0.0.1:8000" placeholder:"HOST:PORT" help:"The address to listen on; port 0 takes a free one. Default ${default}."`
	Node   string        `env:"ROLLCALL_NODE" placeholder:"NAME" help:"The name of this server. A server that starts under a name takes it over, with all that its predecessor left. Default: the host's name and the port."`
	Lease  time.Duration `env:"ROLLCALL_LEASE" default:"15s" help:"How long after its last sign of life another server takes this one for dead; 1s at least."`

	Sessions   rollcall.Policy `env:"ROLLCALL_SESSIONS" default:"many" enum:"many,newest,oldest" help:"Which sessions of a user stay when one more comes: ${enum}."`
	Grace      time.Duration   `env:"ROLLCALL_GRACE" default:"0" help:"How long after the last session's end a user may come back as if never gone; 0: not at all."`
	EmailMatch string          `env:"ROLLCALL_EMAIL_MATCH" default:"exact" enum:"exact,casefold" help:"How a client's e-mail is compared with the users': ${enum}, which ignores case."`

	MaxMessage               byteSize      `env:"ROLLCALL_MAX_MESSAGE" default:"1MiB" help:"The longest message that a client may send. A longer one ends its connection with 1009."`
	PingInterval             time.Duration `env:"ROLLCALL_PING_INTERVAL" default:"20s" help:"How long a client may be silent before it is asked whether it is there."`
	PongTimeout              time.Duration `env:"ROLLCALL_PONG_TIMEOUT" default:"30s" help:"How long it has to answer that."`
	ConnectTimeout           time.Duration `env:"ROLLCALL_CONNECT_TIMEOUT" default:"5s" help:"How long a client waits to be admitted. Then its connection ends with 1013."`
	MaxConnections           int           `env:"ROLLCALL_MAX_CONNECTIONS" default:"0" help:"The most connections at a time; 0: as many as the limit of open files allows, less a reserve."`
	MaxConnectionsPerAddress int           `env:"ROLLCALL_MAX_CONNECTIONS_PER_ADDRESS" default:"0" help:"The most connections from one address at a time; 0: no limit."`
	MaxWatchers              int           `env:"ROLLCALL_MAX_WATCHERS" default:"1000" help:"The most streams of events at a time, and no more than a quarter of the open files that connections may have; 0: none."`
	MaxMessageRate           int           `env:"ROLLCALL_MAX_MESSAGE_RATE" default:"20000" help:"The most messages a second on one connection, which ends with 4006 above it; 0: no limit."`

	DatabaseWait time.Duration `env:"ROLLCALL_DATABASE_WAIT" default:"30s" help:"How long the server waits at its start for a database that does not answer; 0s: not at all."`

	Reader transport.Reader `env:"ROLLCALL_READER" default:"auto" enum:"auto,park,goroutine" help:"How sockets wait for their clients: ${enum}. A parked one holds no goroutine; auto parks on Linux."`

	WebhookURL    *url.URL `env:"ROLLCALL_WEBHOOK_URL" placeholder:"URL" help:"Post who joins and leaves there, signed, until it is accepted. Every server of a database should have it, or none. Default: nowhere."`
	WebhookSecret string   `env:"ROLLCALL_WEBHOOK_SECRET" placeholder:"SECRET" help:"What the posts are signed with: whsec_ and 24 to 64 bytes in base64, or two of these while one is replaced. Other users of this machine can see it on the command line, and not in the environment."`

	HistoryFor time.Duration `env:"ROLLCALL_HISTORY_FOR" default:"720h" help:"How long the history of ended sessions is kept."`
	Pprof      string        `env:"ROLLCALL_PPROF" placeholder:"HOST:PORT" help:"Serve Go's profiles there, for this machine alone, such as on 127.0.0.1:6060. Default: nowhere."`
	Migrate    bool          `env:"ROLLCALL_MIGRATE" help:"Bring the database's schema up to date first. SQLite's always is."`
	Demo       bool          `env:"ROLLCALL_DEMO" help:"Make demo users if there are no users, and an API token, and print how to use them."`
}

// Validate checks what the types cannot say.
func (s *settings) Validate() error {
	if err := checkListen(s.Listen); err != nil {
		return err
	}
	if err := checkProfiles(s.Pprof); err != nil {
		return err
	}
	if err := checkWebhook(s.WebhookURL, s.WebhookSecret); err != nil {
		return err
	}
	if len(s.Node) > maxNodeName || strings.ContainsFunc(s.Node, unicode.IsControl) || strings.TrimSpace(s.Node) != s.Node {
		return fmt.Errorf("--node must be at most %d bytes, without control characters and without blanks around it", maxNodeName)
	}
	if s.MaxMessage < 1 || s.MaxMessage > maxMessage {
		return fmt.Errorf("--max-message must be from 1B to %s, but is %s", maxMessage, s.MaxMessage)
	}
	if s.Reader == transport.ReaderPark && !transport.CanPark {
		return errors.New("--reader=park is possible on Linux only")
	}
	for _, d := range []struct {
		flag       string
		value, min time.Duration
	}{
		{"--lease", s.Lease, minLease},
		{"--ping-interval", s.PingInterval, minInterval},
		{"--pong-timeout", s.PongTimeout, minInterval},
		{"--connect-timeout", s.ConnectTimeout, minInterval},
		{"--history-for", s.HistoryFor, minInterval},
		{"--database-wait", s.DatabaseWait, 0},
		{"--grace", s.Grace, 0},
	} {
		if d.value < d.min {
			return fmt.Errorf("%s must be at least %s, but is %s", d.flag, d.min, d.value)
		}
	}
	if s.Grace > maxGrace {
		return fmt.Errorf("--grace must be at most %s, but is %s", maxGrace, s.Grace)
	}
	for _, n := range []struct {
		flag  string
		value int
	}{
		{"--max-connections", s.MaxConnections},
		{"--max-connections-per-address", s.MaxConnectionsPerAddress},
		{"--max-watchers", s.MaxWatchers},
		{"--max-message-rate", s.MaxMessageRate},
	} {
		if n.value < 0 {
			return fmt.Errorf("%s must not be negative, but is %d", n.flag, n.value)
		}
	}
	return nil
}

func checkListen(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("--listen must be HOST:PORT, but is %q", address)
	}
	return nil
}

// nodeName is the name to run under when the server listens on that address:
// without a setting, one that stays the same over restarts.
func (s *settings) nodeName(address string) (string, error) {
	if s.Node != "" {
		return s.Node, nil
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("finding the port of %s: %w", address, err)
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("finding a name for this server: %w", err)
	}
	return net.JoinHostPort(host, port), nil
}

// logger writes as the log settings say.
func (s *shared) logger(out *streams) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		return nil, fmt.Errorf("reading the log level: %w", err)
	}
	options := &slog.HandlerOptions{Level: level}
	if s.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(out.err, options)), nil
	}
	return slog.New(slog.NewTextHandler(out.err, options)), nil
}
