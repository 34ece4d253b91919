package main

import (
	"bufio"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence"
	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// asProgram makes the test binary the program itself, so that a test can start,
// kill and stop a real process.
const asProgram = "ROLLCALL_TEST_AS_PROGRAM"

// asClient makes it a client of the address that the variable has.
const asClient = "ROLLCALL_TEST_AS_CLIENT"

const (
	// patience bounds every wait that no promise is about; none takes it when all
	// is well.
	patience = 20 * time.Second
	// What docs/reliability.md promises.
	healthPromise   = 1 * time.Second  // from any change until all lists agree
	databasePromise = 5 * time.Second  // the same from the end of a fault of the database
	assertPromise   = 5 * time.Second  // until a server that was only paused is listed again
	drainPromise    = 10 * time.Second // from SIGTERM to the end
	// slack is added to what is promised, for a busy machine under the race
	// detector: what comes later than that is broken, and not slow.
	slack = 5 * time.Second
	// atOnce is what a person takes for no time at all.
	atOnce = time.Second
)

func TestMain(m *testing.M) {
	if os.Getenv(asCrashing) != "" {
		os.Exit(crash())
	}
	if url := os.Getenv(asClient); url != "" {
		os.Exit(listen(url))
	}
	if os.Getenv(asProgram) != "" {
		main()
	}
	// For whatever is started from here on, by the tests and by the program under test.
	// The race detector would keep each process for a second more than it takes.
	_ = os.Setenv(asProgram, "1")
	_ = os.Setenv("GORACE", "atexit_sleep_ms=100")
	os.Exit(m.Run())
}

// world is a database with users and a token, and the servers on it.
type world struct {
	*testing.T
	url   string
	token string
}

// worlds runs a test on each kind of database, and beside other tests: worlds have
// nothing in common, and wait more than they work.
func worlds(t *testing.T, test func(*world)) {
	t.Helper()
	t.Parallel()
	together(t, 2, map[string]func(*testing.T){
		"postgres": func(t *testing.T) { test(newWorld(t, persistencetest.Postgres(t))) },
		"sqlite":   func(t *testing.T) { test(newWorld(t, persistencetest.SQLite(t))) },
	})
}

// worldUsers are the e-mails of the users of a world: user0@example.com and so on.
const worldUsers = 600

func user(n int) string { return fmt.Sprintf("user%d@example.com", n) }

func newWorld(t *testing.T, url string) *world {
	t.Helper()
	db, err := persistence.Open(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	var emails []rollcall.Email
	for n := range worldUsers {
		emails = append(emails, rollcall.Email(user(n)))
	}
	if _, err := db.AddUsers(t.Context(), emails); err != nil {
		t.Fatal(err)
	}
	token, err := db.CreateToken(t.Context(), emails[0], "test")
	if err != nil {
		t.Fatal(err)
	}
	return &world{T: t, url: url, token: token}
}

// process is a running server.
type process struct {
	*world
	cmd     *exec.Cmd
	address string
	exited  chan struct{}
	mu      sync.Mutex
	log     strings.Builder
}

// serve starts a server and waits until it serves.
func (w *world) serve(args ...string) *process {
	w.Helper()
	p := w.launch(args...)
	p.listens()
	return p
}

// listens waits until the server serves.
func (p *process) listens() {
	p.Helper()
	p.within("the server to serve", func() bool {
		select {
		case <-p.exited:
			p.Fatalf("the server ended:\n%s", p.said())
		default:
		}
		return p.told("msg=serving address=")
	})
}

// told reports whether the server has said where it is, behind these words.
func (p *process) told(words string) bool {
	_, rest, ok := strings.Cut(p.said(), words)
	p.address, _, _ = strings.Cut(rest, " ")
	return ok
}

// launch starts a server and does not wait.
func (w *world) launch(args ...string) *process {
	w.Helper()
	return w.start(exec.Command(os.Args[0], w.command(args...)...))
}

// command is the command line of a server in this world.
func (w *world) command(args ...string) []string {
	return append([]string{"serve", "--listen=127.0.0.1:0", "--node=node", "--database=" + w.url}, args...)
}

// start starts a server: the command is this program, or becomes it.
func (w *world) start(cmd *exec.Cmd) *process {
	w.Helper()
	p := &process{world: w, cmd: cmd, exited: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), cmd.Env...)
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		w.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		w.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			p.mu.Lock()
			fmt.Fprintln(&p.log, lines.Text())
			p.mu.Unlock()
		}
		_ = p.cmd.Wait() // the exit code is read from the state
		close(p.exited)
	}()
	w.Cleanup(func() {
		p.signal(syscall.SIGKILL)
		<-p.exited
		if w.Failed() {
			w.Logf("the server said:\n%s", p.said())
		}
	})
	return p
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// signal sends a signal, also to a process that is gone.
func (p *process) signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// wantExit waits for the end, as long as one may take after a signal, and compares
// the exit code.
func (p *process) wantExit(code int) {
	p.Helper()
	select {
	case <-p.exited:
	case <-time.After(drainPromise + slack):
		p.Fatal("the server does not end")
	}
	if got := p.cmd.ProcessState.ExitCode(); got != code {
		p.Errorf("the server exited with %d, want %d", got, code)
	}
}

// listed asks the server who is online.
func (p *process) listed() []string {
	p.Helper()
	emails := []string{}
	for _, e := range p.entries() {
		emails = append(emails, string(e.Email))
	}
	return emails
}

// wantListed wants the list to be true as soon as in health: it needs no database.
func (p *process) wantListed(emails ...string) {
	p.Helper()
	var listed []string
	if !p.eventually(healthPromise+slack, func() bool {
		listed = p.listed()
		return slices.Equal(listed, emails)
	}) {
		p.Fatalf("the list is %v, want %v", listed, emails)
	}
}

// entries is the list with its times, in alphabetical order.
func (p *process) entries() []rollcall.Entry {
	p.Helper()
	list, err := ask(p.Context(), &url.URL{Scheme: "http", Host: p.address}, p.token)
	if err != nil || list.Count != len(list.Active) {
		p.Fatalf("the query was answered %+v, %v", list, err)
	}
	entries := []rollcall.Entry{}
	for _, a := range list.Active {
		entries = append(entries, rollcall.Entry{Email: rollcall.Email(a.Email), ConnectedAt: a.ConnectedAt, LastActivity: a.LastActivity})
	}
	slices.SortFunc(entries, func(a, b rollcall.Entry) int { return strings.Compare(string(a.Email), string(b.Email)) })
	return entries
}

// wantOnline is the invariant of the design: within a moment the open sockets,
// one e-mail for each, are the sessions, and their users the rows and the list,
// which agree to the microsecond.
func (p *process) wantOnline(sockets ...string) {
	p.Helper()
	p.wantOnlineIn(healthPromise+slack, sockets...)
}

// wantOnlineIn is wantOnline after something that has a promise of its own.
func (p *process) wantOnlineIn(bound time.Duration, sockets ...string) {
	p.Helper()
	began := time.Now()
	slices.Sort(sockets)
	emails := slices.Compact(slices.Clone(sockets))
	var listed, rows []rollcall.Entry
	var sessions []string
	agree := func() bool {
		listed = p.entries()
		rows = persistencetest.Entries(p, p.url)
		sessions = persistencetest.Sessions(p, p.url)
		return slices.Equal(listed, rows) && slices.Equal(sessions, sockets) &&
			slices.EqualFunc(rows, emails, func(row rollcall.Entry, email string) bool { return string(row.Email) == email })
	}
	if !p.eventually(bound, agree) {
		p.Fatalf("after %s %d sockets are open, %d users listed, %d rows, %d sessions\nsockets  %.200v\nlisted   %.400v\nrows     %.400v\nsessions %.200v",
			time.Since(began), len(sockets), len(listed), len(rows), len(sessions), sockets, listed, rows, sessions)
	}
}

// within waits for something that happens soon.
func (w *world) within(what string, condition func() bool) {
	w.Helper()
	if !w.eventually(patience, condition) {
		w.Fatalf("waited in vain for %s", what)
	}
}

func (w *world) eventually(bound time.Duration, condition func() bool) bool {
	ctx, stop := context.WithTimeout(w.Context(), bound)
	defer stop()
	every := time.NewTicker(20 * time.Millisecond)
	defer every.Stop()
	for !condition() {
		select {
		case <-every.C:
		case <-ctx.Done():
			return false
		}
	}
	return true
}
