// Command rollcall is the presence server and the tools around it, one command
// per file: serve, online, user, token, migrate, doctor,
// bench and sweep.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// cli is the command line: what all commands share, then the commands.
type cli struct {
	shared
	Version kong.VersionFlag `help:"Print the version and exit."`

	Serve   serveCmd   `cmd:"" help:"Run the server."`
	Online  onlineCmd  `cmd:"" help:"Ask a running server who is online."`
	User    userCmd    `cmd:"" help:"Say who may connect."`
	Token   tokenCmd   `cmd:"" help:"Give and take the tokens that may ask who is online."`
	Migrate migrateCmd `cmd:"" help:"Bring the database's schema up to date, or back."`
	Doctor  doctorCmd  `cmd:"" help:"Look whether the tables are true, and say what is wrong."`
	Bench   benchCmd   `cmd:"" help:"Measure a server, with many clients."`
	Sweep   sweepCmd   `cmd:"" help:"Remove what dead servers left, where none runs that would."`
}

// What the process tells its caller.
const (
	exitOK      = 0
	exitFailure = 1 // the command was understood and has failed
	exitUsage   = 2 // the command line or a setting is wrong, and nothing was done
)

// streams are the ends of the process that a command may use.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// complain says in one line what went wrong.
func (s *streams) complain(err error) {
	line := ""
	for part := range strings.Lines(err.Error()) {
		if line != "" && !strings.HasSuffix(line, ":") {
			line += ";"
		}
		line += " " + strings.TrimSpace(part)
	}
	fmt.Fprintf(s.err, "rollcall:%s\n", printable(line))
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// From the first signal on, the next one has its usual effect: it ends the
	// process at once. Only a server has use for a second one, see hurry.
	context.AfterFunc(ctx, stop)
	os.Exit(new(cli).run(ctx, os.Args[1:], &streams{os.Stdin, os.Stdout, os.Stderr}))
}

// run is the whole program but for the process around it. Settings that args
// does not have are read from the environment.
func (c *cli) run(ctx context.Context, args []string, std *streams) int {
	answered := false // by --help or --version, before anything was run
	parser, err := kong.New(c,
		kong.Name("rollcall"),
		kong.Description("Rollcall knows who is here: a presence server over WebSocket, with the list of who is online over REST."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Vars{"version": version()},
		kong.Writers(std.out, std.err),
		kong.Exit(func(int) { answered = true }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(std, &c.shared, &c.Bench),
		kong.BindSingletonProvider(c.logger),
	)
	if err != nil {
		std.complain(err)
		return exitFailure
	}
	command, err := parser.Parse(joinNegatives(args))
	switch {
	case answered:
		return exitOK
	case err != nil:
		std.complain(err)
		return exitUsage
	}
	if err := command.Run(); err != nil {
		std.complain(err)
		return exitFailure
	}
	return exitOK
}
