package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"

	"github.com/rollcall/rollcall/persistence"
)

type doctorCmd struct {
	Server *url.URL `env:"ROLLCALL_SERVER" placeholder:"URL" help:"A running server, whose list is compared with its rows. Without it only the database is looked at."`
	Token  string   `env:"ROLLCALL_TOKEN" placeholder:"TOKEN" help:"An API token, for that list. Other users of this machine can see it on the command line, and not in the environment."`
	JSON   bool     `name:"json" help:"Print JSON."`
}

// errUnwell is what a script sees of a report that it does not read.
var errUnwell = errors.New("something is wrong")

// Validate wants all that a comparison takes, or nothing of it.
func (c *doctorCmd) Validate() error {
	switch {
	case c.Server == nil:
		return nil
	case c.Token == "":
		return errors.New("--server needs --token, to ask for the list")
	}
	return checkServer(c.Server)
}

// Run prints a report, and fails when something in it is wrong.
func (c *doctorCmd) Run(ctx context.Context, s *shared, std *streams) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	db, err := openAsItIs(ctx, s.Database)
	if err != nil {
		return err
	}
	defer db.Close()
	audit, err := db.Audit(ctx)
	if err != nil {
		return err
	}
	d := diagnose(audit)
	if c.Server != nil {
		if d.List, err = compareList(ctx, db, c.Server, c.Token); err != nil {
			return err
		}
		d.Well = d.Well && d.List.agrees()
	}
	show := d.print
	if c.JSON {
		show = func(w io.Writer) error { return printJSON(w, d) }
	}
	if err := show(std.out); err != nil {
		return err
	}
	if !d.Well {
		return errUnwell
	}
	return nil
}

// diagnosis is the report, as --json prints it.
type diagnosis struct {
	Well         bool            `json:"well"`
	At           time.Time       `json:"at"` // by the clock of the database
	Users        int             `json:"users"`
	Sessions     int             `json:"sessions"`
	Connections  int             `json:"active_connections"`
	LastActivity time.Time       `json:"last_activity,omitzero"`
	Nodes        []nodeDiagnosis `json:"nodes"`
	Ghosts       int             `json:"ghosts"` // sessions of nodes without a live lease
	OldestGhost  float64         `json:"oldest_ghost_seconds"`
	Orphans      []string        `json:"orphans"`  // e-mails with an active connection and without a session
	Unlisted     []string        `json:"unlisted"` // the other way round
	Outbox       outboxDiagnosis `json:"outbox"`
	List         *listComparison `json:"list,omitempty"` // nil if no server was asked
}

// outboxDiagnosis is what waits to be posted. However much that is, the list is true.
type outboxDiagnosis struct {
	Waiting  int       `json:"waiting"`
	Oldest   float64   `json:"oldest_seconds"`
	Failures int       `json:"failures"`              // of the oldest, one after the other
	Until    time.Time `json:"paused_until,omitzero"` // nothing is posted before
	GivenUp  int       `json:"given_up"`              // since there is an outbox
}

// nodeDiagnosis is a node that has a lease or sessions.
type nodeDiagnosis struct {
	Name         string    `json:"name"`
	Epoch        int64     `json:"epoch"`
	StartedAt    time.Time `json:"started_at"`
	Alive        bool      `json:"alive"`
	LeaseExpires time.Time `json:"lease_expires_at,omitzero"`
	Sessions     int       `json:"sessions"`
	LastActivity time.Time `json:"last_activity,omitzero"`
}

func diagnose(a persistence.Audit) *diagnosis {
	ghosts, oldest := a.Ghosts()
	d := &diagnosis{
		Well: a.Holds() && ghosts == 0, At: a.At,
		Users: a.Users, Sessions: a.Sessions, Connections: a.Connections, LastActivity: a.LastActivity,
		Nodes: []nodeDiagnosis{}, Ghosts: ghosts, OldestGhost: oldest.Seconds(),
		Orphans: plain(a.Orphaned), Unlisted: plain(a.Unlisted),
	}
	d.Outbox = outboxDiagnosis{Waiting: a.Outbox.Waiting, Failures: a.Outbox.Failures, Until: a.Outbox.Until, GivenUp: a.Outbox.GivenUp}
	if a.Outbox.Waiting > 0 {
		d.Outbox.Oldest = max(0, a.At.Sub(a.Outbox.Oldest)).Seconds()
	}
	for _, n := range a.Nodes {
		d.Nodes = append(d.Nodes, nodeDiagnosis{
			n.Name, n.Epoch, n.StartedAt, n.Alive(a.At), n.LeaseExpiresAt, n.Sessions, n.LastActivity,
		})
	}
	return d
}

// plain makes strings of e-mails, and an empty list of none.
func plain[S ~string](emails []S) []string {
	all := make([]string, len(emails))
	for i, e := range emails {
		all[i] = string(e)
	}
	return all
}

// print is the report for a person: the nodes, the numbers, and one line for
// each thing that must hold.
func (d *diagnosis) print(w io.Writer) error {
	nodes := table{{"NODE", "EPOCH", "STARTED", "LEASE", "SESSIONS", "LAST ACTIVITY"}}
	for _, n := range d.Nodes {
		nodes = append(nodes, []string{
			n.Name, strconv.FormatInt(n.Epoch, 10), instant(n.StartedAt, ""), n.lease(d.At),
			strconv.Itoa(n.Sessions), instant(n.LastActivity, "none"),
		})
	}
	if len(d.Nodes) > 0 {
		if err := nodes.print(w); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%s, %s, %s, last activity %s\n", counted(d.Users, "user"), counted(d.Sessions, "session"),
		counted(d.Connections, "active connection"), instant(d.LastActivity, "none"))
	if o := d.Outbox; o.Waiting+o.GivenUp > 0 {
		pause := ""
		if !o.Until.IsZero() {
			pause = ", not before " + instant(o.Until, "")
		}
		fmt.Fprintf(w, "outbox: %s to be posted%s, the oldest for %s and %s in vain, %d given up\n",
			counted(o.Waiting, "notice"), pause, span(time.Duration(o.Oldest*float64(time.Second))), counted(o.Failures, "time"), o.GivenUp)
	}
	for _, f := range d.findings() {
		verdict := "ok   "
		if f.wrong != "" {
			verdict = "WRONG"
		}
		fmt.Fprintf(w, "%s  %s%s\n", verdict, f.holds, printable(f.wrong))
	}
	return nil
}

func (n nodeDiagnosis) lease(at time.Time) string {
	switch {
	case n.LeaseExpires.IsZero():
		return "none"
	case n.Alive:
		return "for " + span(n.LeaseExpires.Sub(at)) + " more"
	}
	return "ran out " + span(at.Sub(n.LeaseExpires)) + " ago"
}

// finding is one thing that must hold, and how it does not.
type finding struct{ holds, wrong string }

func (d *diagnosis) findings() []finding {
	ghosts := ""
	if d.Ghosts > 0 {
		are := "are"
		if d.Ghosts == 1 {
			are = "is"
		}
		ghosts = fmt.Sprintf(": %d %s not, the oldest for %s", d.Ghosts, are, span(time.Duration(d.OldestGhost*float64(time.Second))))
	}
	all := []finding{
		{"every session is of a node with a live lease", ghosts},
		{"every active connection has a session", examples(d.Orphans)},
		{"every session's user has an active connection", examples(d.Unlisted)},
	}
	if d.List != nil {
		all = append(all,
			finding{"whoever node " + printable(d.List.Node) + " lists has a row", examples(d.List.WithoutRow)},
			finding{"whoever has a row of node " + printable(d.List.Node) + " is listed", examples(d.List.NotListed)})
	}
	return all
}
