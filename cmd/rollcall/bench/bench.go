// Package bench measures Rollcall with many clients, and with a bare server as
// the yardstick. It starts the server as a process of its own, and the clients
// as others: raw sockets on epoll, so light that one small machine can hold both
// ends. Its processes are this program again: "bench worker" (step.go has what is
// said to it) and "bench bare".
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// closeTimeout bounds what is cleared away after a bench; then it fails, and
// says what is left.
const closeTimeout = 10 * time.Minute

// Config is how a bench is run.
type Config struct {
	Program  string    // the path of this program
	Database string    // the URL of the server's database; empty: an SQLite file for this time
	Flags    []string  // that the server is given besides
	Places   Places    // that it has for clients
	Server   *url.URL  // a server that runs already; nil: one is started
	Token    string    // that it knows
	PID      int       // its process, if its memory is to be read
	Baseline bool      // measure the bare server, too
	Rounds   int       // how often
	Loops    int       // the least number of worker processes of a herd
	Progress io.Writer // for a line each second
}

// Scenario is what a bench does: one of the types of this package.
type Scenario interface {
	Name() string
	// Check refuses settings with which there is nothing to measure, or none with
	// this configuration.
	Check(Config) error
	// herds is how many sockets each of its herds has at a time.
	herds() []int
	// play does it once, and measures.
	play(context.Context, *scene) (*result, error)
}

// Run plays a scenario for so many rounds, and against the bare server after
// each, if so configured.
func Run(ctx context.Context, c Config, s Scenario) (report *Report, err error) {
	b := &bench{Config: c, scenario: s, progress: &progress{out: c.Progress}, sizes: make(map[variant]int)}
	if err := b.plan(); err != nil {
		return nil, err
	}
	if c.Server == nil {
		done, err := b.prepare(ctx)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, done()) }()
	}
	var rounds []round
	for range c.Rounds {
		var one round
		if one.rollcall, err = b.play(ctx, b.startRollcall); err != nil {
			return nil, err
		}
		if c.Baseline {
			if one.bare, err = b.play(ctx, b.startBare); err != nil {
				return nil, err
			}
		}
		rounds = append(rounds, one)
	}
	report = newReport(c, s.Name(), s, rounds)
	if advice := b.advice(strings.Join(report.Notes, "\n")); advice != "" {
		report.Notes = append(report.Notes, advice)
	}
	if hint := report.hint(); hint != "" {
		report.Notes = append(report.Notes, hint)
	}
	return report, nil
}

// bench is one Run.
type bench struct {
	Config
	scenario Scenario
	progress *progress
	plans    []herdPlan
	database string          // the URL of the server's
	sizes    map[variant]int // of the answers of the last server but the bare one
	crowd    *crowd          // in it; nil if the server runs already
}

// plan finds out which processes are needed, and whether this machine lets them be.
func (b *bench) plan() error {
	limit, err := openFiles()
	if err != nil {
		return err
	}
	for _, sockets := range b.scenario.herds() {
		p, err := plan(sockets, b.Loops, limit)
		if err != nil {
			return err
		}
		b.plans = append(b.plans, p)
	}
	return nil
}

// prepare makes the users, in a database for this time only if none was given,
// and returns what clears both away.
func (b *bench) prepare(ctx context.Context) (done func() error, err error) {
	clear := func() error { return nil }
	if b.database = b.Database; b.database == "" {
		folder, err := os.MkdirTemp("", "rollcall-bench-")
		if err != nil {
			return nil, fmt.Errorf("make a folder for the database: %w", err)
		}
		clear = func() error { return os.RemoveAll(folder) }
		b.database = "sqlite://" + filepath.Join(folder, "rollcall.db")
	}
	users := b.users()
	b.progress.say("adding %d users", users)
	if b.crowd, err = newCrowd(ctx, b.database, users); err != nil {
		return nil, errors.Join(err, clear())
	}
	return func() error {
		// Also after an interrupt: the users are not to stay.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		return errors.Join(b.crowd.close(ctx), clear())
	}, nil
}

// play plays the scenario against one server, from its start to its end.
func (b *bench) play(ctx context.Context, start func(context.Context) (*server, error)) (*result, error) {
	s, err := start(ctx)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	scene := &scene{bench: b, server: s}
	defer scene.close() // before the server: it has nobody to say goodbye to then
	found, err := b.scenario.play(ctx, scene)
	if err != nil {
		if advice := b.advice(err.Error()); advice != "" {
			err = fmt.Errorf("%w (%s)", err, advice)
		}
		return nil, errors.Join(fmt.Errorf("%s against %s: %w", b.scenario.Name(), s.name, err), s.ended())
	}
	return found, nil
}

// startRollcall starts the server, or takes the one that runs.
func (b *bench) startRollcall(ctx context.Context) (*server, error) {
	if b.Server != nil {
		return &server{name: "rollcall", address: b.Server.Host, token: b.Token, pid: b.PID}, nil
	}
	command := child(exec.Command(b.Program, append([]string{
		"serve", "--listen=127.0.0.1:0", "--pprof=127.0.0.1:0", "--node=bench",
		"--log-format=text", "--log-level=info", "--max-message-rate=0",
	}, b.Flags...)...))
	// The URL may hold a password, and a command line can be seen by everybody.
	command.Env = append(withoutWebhook(os.Environ()), "ROLLCALL_DATABASE="+b.database)
	s, err := startServer(ctx, "rollcall", command)
	if err == nil {
		s.token = b.crowd.token
	}
	return s, err
}

// withoutWebhook is the environment but for the webhook of servers in use: who comes to a
// bench is nothing to post there.
func withoutWebhook(variables []string) []string {
	return slices.DeleteFunc(variables, func(v string) bool { return strings.HasPrefix(v, "ROLLCALL_WEBHOOK_") })
}

func (b *bench) startBare(ctx context.Context) (*server, error) {
	s, err := startServer(ctx, "bare", child(exec.Command(b.Program, "bench", "bare")))
	if err == nil {
		s.profile, s.bare = s.address, true
	}
	return s, err
}
