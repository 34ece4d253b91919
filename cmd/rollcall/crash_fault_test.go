package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollcall/rollcall/actors"
	"github.com/rollcall/rollcall/actors/actortest"
	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// asCrashing makes the test binary the program whose registry crashes whenever it
// is asked how it is.
const asCrashing = "ROLLCALL_TEST_AS_CRASHING"

func crash() (code int) {
	var c cli
	c.Serve.base.Props = actortest.Props(actors.RoleRegistry, &actors.Examine{}, actortest.PanicBefore, math.MaxInt)
	return c.run(context.Background(), os.Args[1:], &streams{os.Stdin, os.Stdout, os.Stderr})
}

const (
	// supervised is how many crashes a registry survives, and forgotten after how
	// long one does not count any more.
	supervised = 10
	forgotten  = 10 * time.Second
)

// A registry that crashes over and over swallows connects, which is the worst that
// a server can do in silence. Ten crashes close no socket; with the eleventh the
// server is not ready, tells its clients, and ends with a message.
func TestEleventhCrashOfTheRegistryEndsTheServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, persistencetest.Postgres(t))
	cmd := exec.Command(os.Args[0], w.command(shortLease)...)
	cmd.Env = []string{asCrashing + "=1"}
	p := w.start(cmd)
	p.listens()
	const n = 20
	clients := p.connectAll(n)

	began := time.Now()
	for _, told := range p.probes(supervised) {
		if !strings.Contains(told, `503 {"status":"unavailable","reason":"no answer"`) {
			t.Errorf("a registry that crashed on the question answers %s", told)
		}
	}
	var emails []string
	for i, c := range clients {
		c.echo("undisturbed")
		emails = append(emails, user(i))
	}
	p.wantOnline(emails...)

	more := 1
	if time.Since(began) > forgotten/2 { // on a very busy machine
		more = supervised + 1
	}
	told := p.probes(more)
	if !slices.ContainsFunc(told, func(one string) bool {
		return strings.HasPrefix(one, `503 {"status":"unavailable","reason":"presence failed"`) ||
			strings.HasPrefix(one, `503 {"status":"unavailable","reason":"draining"`) // it ends already
	}) {
		t.Errorf("after one crash more it says of itself %q", told)
	}
	for _, c := range clients {
		c.wantClose(1011)
	}
	p.wantExit(1)
	if said := p.said(); !strings.HasSuffix(said, "rollcall: "+actors.ErrGaveUp.Error()+"\n") {
		t.Error("it did not say why it ended")
	}
	w.serve(shortLease, "--node=other").wantOnlineIn(deathPromise + slack)
}

// probes asks as often as that at once whether the server is ready, and returns
// what was answered.
func (p *process) probes(n int) []string {
	p.Helper()
	told := make([]string, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			answer, err := http.Get("http://" + p.address + "/readyz")
			if err != nil {
				return // it is gone
			}
			defer func() { _ = answer.Body.Close() }()
			body, _ := io.ReadAll(answer.Body)
			told[i] = fmt.Sprintf("%d %s", answer.StatusCode, body)
		})
	}
	wait.Wait()
	return told
}
