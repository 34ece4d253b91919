package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"

	"github.com/alecthomas/kong"
	"github.com/rollcall/rollcall/cmd/rollcall/bench"
	"github.com/rollcall/rollcall/cmd/rollcall/bench/bare"
)

// databaseOfBench is the help of --database here.
const databaseOfBench = "The database of the server that is started: sqlite://FILE or postgres://USER:PASSWORD@HOST/NAME. " +
	"It gets users and their load. Default: a new SQLite file, whatever ROLLCALL_DATABASE says."

// benchCmd is the load generator: what all scenarios share, then the scenarios.
type benchCmd struct {
	Server   *url.URL `placeholder:"URL" help:"Measure a server that runs, and has the users of \"bench users\". Default: one is started, on a new SQLite file or on --database."`
	Token    string   `env:"ROLLCALL_TOKEN" placeholder:"TOKEN" help:"An API token of that server."`
	PID      int      `name:"pid" help:"The process of that server, to read its memory."`
	With     []string `sep:"none" placeholder:"FLAG" help:"A flag for the server that is started; may be given again."`
	Baseline bool     `help:"Measure a bare server too, in turns, and print the ratio."`
	Rounds   int      `default:"3" help:"How often to measure. Default ${default}."`
	Loops    int      `default:"1" help:"How many processes the clients have at least. Default ${default}."`
	JSON     bool     `name:"json" help:"Print JSON."`

	Connect played[bench.Connect, *bench.Connect] `cmd:"" help:"How many connects a second are committed and greeted?"`
	Echo    played[bench.Echo, *bench.Echo]       `cmd:"" help:"How many messages a second are answered?"`

	Idle  played[bench.Idle, *bench.Idle]   `cmd:"" help:"What does a connection take that does nothing?"`
	Rest  played[bench.Rest, *bench.Rest]   `cmd:"" help:"How many times a second is the list answered?"`
	Churn played[bench.Churn, *bench.Churn] `cmd:"" help:"How long does a greeting take while sockets come and go?"`
	Leave played[bench.Leave, *bench.Leave] `cmd:"" help:"How long does it take until nothing is left of sockets that all leave at once?"`
	Watch played[bench.Watch, *bench.Watch] `cmd:"" help:"How long does it take until all who watch are told who left and came, and what does it cost?"`
	Mixed played[bench.Mixed, *bench.Mixed] `cmd:"" help:"All at once: messages, sockets that come and go, and the list."`

	InMemory inMemoryCmd   `cmd:"" help:"The same with more clients than there can be sockets, over connections in memory to a server in this process."`
	Users    benchUsersCmd `cmd:"" help:"Print the e-mails of the users that a server needs for --server."`

	Worker benchWorkerCmd `cmd:"" hidden:""`
	Bare   benchBareCmd   `cmd:"" hidden:""`

	onDatabase bool // --database is on the command line
}

// BeforeReset makes a flag of --database that says what it is here: a bench has no
// business on the database of a server unless it is asked for, and neither the
// environment nor a default asks.
func (c *benchCmd) BeforeReset(line *kong.Context) error {
	flag, given := databaseFlag(line)
	flag.Tag.Envs, flag.Help = nil, databaseOfBench
	c.onDatabase = given
	return nil
}

// databaseFlag is --database, and whether the command line has it.
func databaseFlag(line *kong.Context) (flag *kong.Flag, given bool) {
	flags := line.Model.Flags
	flag = flags[slices.IndexFunc(flags, func(f *kong.Flag) bool { return f.Name == "database" })]
	return flag, slices.ContainsFunc(line.Path, func(part *kong.Path) bool { return part.Flag == flag })
}

// Validate checks what the types cannot say.
func (c *benchCmd) Validate() error { return c.settings().Check() }

// settings are those of all scenarios.
func (c *benchCmd) settings() bench.Config {
	return bench.Config{
		Flags: c.With, Server: c.Server, Token: c.Token, PID: c.PID,
		Baseline: c.Baseline, Rounds: c.Rounds, Loops: c.Loops,
	}
}

// played is the command that plays one scenario.
type played[S any, P interface {
	*S
	bench.Scenario
}] struct {
	Scenario S `embed:""`
}

// AfterApply checks what the types cannot say, of this command beside those above it.
func (p *played[S, P]) AfterApply(c *benchCmd) error {
	config, err := c.settings(), error(nil)
	if c.Server == nil {
		config.Places, err = benchPlaces(c.With)
	}
	if err != nil {
		return err
	}
	return P(&p.Scenario).Check(config)
}

// Run measures and prints. It fails when something failed that the server was
// asked for: a figure beside that is worth nothing.
func (p *played[S, P]) Run(ctx context.Context, s *shared, std *streams, c *benchCmd) error {
	config, err := c.config(s, std)
	if err != nil {
		return err
	}
	report, err := bench.Run(ctx, config, P(&p.Scenario))
	if err != nil {
		return err
	}
	return c.print(std, report)
}

type inMemoryCmd struct {
	Scenario bench.InMemory `embed:""`
}

// AfterApply checks what the types cannot say, of this command beside those above it.
func (m *inMemoryCmd) AfterApply(c *benchCmd) error { return m.Scenario.Check(c.settings()) }

// Run measures once, because it cannot begin anew in the same process, in which memory
// is kept to the server's rules.
func (m *inMemoryCmd) Run(ctx context.Context, s *shared, std *streams, c *benchCmd) error {
	config, err := c.config(s, std)
	if err != nil {
		return err
	}
	collectLess()
	go giveMemoryBack(ctx)
	report, err := m.Scenario.Run(ctx, config)
	if err != nil {
		return err
	}
	return c.print(std, report)
}

func (c *benchCmd) config(s *shared, std *streams) (bench.Config, error) {
	program, err := os.Executable()
	if err != nil {
		return bench.Config{}, fmt.Errorf("finding this program: %w", err)
	}
	config := c.settings()
	config.Program, config.Progress = program, std.err
	if c.onDatabase {
		config.Database = s.Database
	}
	return config, nil
}

func (c *benchCmd) print(std *streams, report *bench.Report) error {
	show := report.Print
	if c.JSON {
		show = func(w io.Writer) error { return printJSON(w, report) }
	}
	if err := show(std.out); err != nil {
		return err
	}
	return failure(report)
}

// failure is the error of a report in which something failed.
func failure(r *bench.Report) error {
	switch n := r.Failed(); {
	case n == 0:
		return nil
	case r.Rounds > 1:
		return fmt.Errorf("in the worst of %d rounds, %d things failed that the server was asked for", r.Rounds, n)
	default:
		return fmt.Errorf("%d things failed that the server was asked for", n)
	}
}

type benchUsersCmd struct {
	Count int `default:"10000" help:"How many: the sockets, and 500 for each process of clients. Default ${default}."`
}

// Validate checks what the types cannot say.
func (u *benchUsersCmd) Validate() error {
	if u.Count < 1 {
		return fmt.Errorf("--count must be at least 1, not %d", u.Count)
	}
	return nil
}

// Run prints what "rollcall user import -" reads.
func (u *benchUsersCmd) Run(std *streams) error { return bench.WriteUsers(std.out, u.Count) }

type benchWorkerCmd struct{}

// Run holds clients for the process that started this one.
func (benchWorkerCmd) Run(ctx context.Context, std *streams) error {
	return bench.Work(ctx, std.in, std.out)
}

type benchBareCmd struct{}

// Run is the yardstick.
func (benchBareCmd) Run(ctx context.Context, std *streams) error {
	return bare.Serve(ctx, std.err)
}
