package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"
)

// maxShownEmail is the widest that an e-mail makes the table. The rest of a
// longer one is left out; --json has it in full.
const maxShownEmail = 64

type onlineCmd struct {
	Server   *url.URL      `env:"ROLLCALL_SERVER" default:"http://127.0.0.1:8000" placeholder:"URL" help:"The server to ask. Default ${default}."`
	Token    string        `env:"ROLLCALL_TOKEN" required:"" placeholder:"TOKEN" help:"An API token. Other users of this machine can see it on the command line, and not in the environment."`
	JSON     bool          `name:"json" help:"Print the server's answer as it is."`
	Watch    bool          `help:"Ask again and again, until interrupted."`
	Interval time.Duration `default:"2s" help:"How long to wait in between."`
}

// Validate checks what the types cannot say.
func (c *onlineCmd) Validate() error {
	if err := checkServer(c.Server); err != nil {
		return err
	}
	if c.Interval < minInterval {
		return fmt.Errorf("--interval must be at least %s, but is %s", minInterval, c.Interval)
	}
	return nil
}

func checkServer(server *url.URL) error {
	if server.Scheme != "http" && server.Scheme != "https" || server.Host == "" {
		return errors.New("--server must be http://HOST:PORT or https://HOST:PORT")
	}
	return nil
}

// Run asks once, or until it is interrupted.
func (c *onlineCmd) Run(ctx context.Context, std *streams) error {
	if c.Watch {
		return c.watch(ctx, std)
	}
	a, err := ask(ctx, c.Server, c.Token)
	if err != nil {
		return err
	}
	return c.show(std.out, a)
}

// watch outlives the server: only a refusal ends it, because asking again would
// be refused again. An outage is told once, and the last table stays in view.
func (c *onlineCmd) watch(ctx context.Context, std *streams) error {
	screen := isTerminal(std.out) && !c.JSON
	told := ""
	for {
		a, err := ask(ctx, c.Server, c.Token)
		switch refused, ok := errors.AsType[*refusal](err); {
		case ctx.Err() != nil:
			return nil
		case ok && !refused.passing():
			return err
		case err != nil && err.Error() != told:
			told = err.Error()
			std.complain(fmt.Errorf("%w; trying again every %s", err, c.Interval))
		case err == nil:
			told = ""
			if screen {
				fmt.Fprint(std.out, clearScreen)
			}
			if err := c.show(std.out, a); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(c.Interval):
		}
	}
}

// clearScreen moves to the top left corner and erases what is below it.
const clearScreen = "\x1b[H\x1b[2J"

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	stat, err := file.Stat()
	return err == nil && stat.Mode()&os.ModeCharDevice != 0
}

func (c *onlineCmd) show(w io.Writer, a *answer) error {
	if c.JSON {
		if _, err := fmt.Fprintf(w, "%s\n", strings.TrimSpace(string(a.raw))); err != nil {
			return fmt.Errorf("printing the answer: %w", err)
		}
		return nil
	}
	if a.Count == 0 {
		fmt.Fprintln(w, "nobody is online")
		return nil
	}
	rows := table{{"EMAIL", "CONNECTED FOR", "LAST ACTIVITY"}}
	for _, user := range a.Active {
		rows = append(rows, []string{
			shorten(user.Email),
			span(a.at.Sub(user.ConnectedAt)),
			span(a.at.Sub(user.LastActivity)) + " ago",
		})
	}
	if err := rows.print(w); err != nil {
		return err
	}
	fmt.Fprintf(w, "%d online\n", a.Count)
	return nil
}

func shorten(email string) string {
	runes := []rune(email)
	if len(runes) <= maxShownEmail {
		return email
	}
	return string(runes[:maxShownEmail-1]) + "…"
}

// span says a duration in its two largest units.
func span(d time.Duration) string {
	seconds := max(0, int64(d/time.Second))
	switch minutes, hours, days := seconds/60, seconds/3600, seconds/86400; {
	case days > 0:
		return fmt.Sprintf("%dd%02dh", days, hours%24)
	case hours > 0:
		return fmt.Sprintf("%dh%02dm", hours, minutes%60)
	case minutes > 0:
		return fmt.Sprintf("%dm%02ds", minutes, seconds%60)
	default:
		return fmt.Sprintf("%ds", seconds)
	}
}
