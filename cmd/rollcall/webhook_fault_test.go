package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
	"github.com/rollcall/rollcall/persistence/persistencetest"
)

// webhookSecret is what the posts of the tests are signed with.
const webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// deliveryPromise is until when a receiver that accepts again has been told
// everything: the pause that the failures before it have led to, and a post.
const deliveryPromise = 20 * time.Second

// A server that is killed between a commit and its post must have lost nothing,
// whatever the receiver does meanwhile: refuse, hang, or take a post and answer too
// late. After the restart every join and leave of the tables was told at least once,
// and the first time in the order of each user.
func TestKillBetweenCommitAndPostLosesNothing(t *testing.T) {
	worlds(t, func(w *world) {
		r := newReceiver(w)
		for round, mood := range []mood{refuse, hang, answerLate, accept} {
			r.turn(mood)
			p := w.servePosting(r)
			var all []*client
			for n := range 20 {
				all = append(all, p.connect(user(n)))
			}
			w.within("the receiver to be posted to", func() bool { return r.count() > 0 })
			for _, c := range all[:10] {
				c.leave()
			}
			p.wantOnline(usersFrom(10, 20)...)
			p.signal(syscall.SIGKILL)
			<-p.exited
			w.Logf("round %d: killed with %d events waiting", round, w.waiting())
		}
		r.turn(accept)
		p := w.servePosting(r) // which ends what its predecessor left, and says so
		w.wantDelivered()
		p.wantOnline()
		const rounds = 4
		for n := range 20 {
			r.wantChain(user(n), 2*rounds)
		}
	})
}

// Two servers share users, a database and an outbox. Whichever of them posts, and
// though one of them is killed in its turn, nothing is lost and each user's events
// come in their order.
func TestServersOnOneOutboxLoseNothingAndKeepTheOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t, persistencetest.Postgres(t))
	r := newReceiver(w)
	r.turn(refuse) // now and then
	a, b := w.servePosting(r, shortLease), w.servePosting(r, shortLease, "--node=other")
	const rounds = 6
	for round := range rounds {
		r.turn([]mood{refuse, accept}[round%2])
		var wait sync.WaitGroup
		for n := range 10 {
			p := []*process{a, b}[(n+round)%2]
			wait.Go(func() { p.visit(user(n)) })
		}
		wait.Wait()
		w.wantRows(healthPromise)
		w.within("the receiver to be posted to", func() bool { return r.count() > 0 })
		if round == rounds/2 {
			a.signal(syscall.SIGKILL)
			<-a.exited
			a = w.servePosting(r, shortLease)
		}
	}
	r.turn(accept)
	w.wantDelivered()
	for n := range 10 {
		r.wantChain(user(n), 2*rounds)
	}
}

// A receiver that hangs is somebody else's trouble: whoever connects is greeted and
// listed as soon as ever, and the server ends in good time.
func TestHangingReceiverDoesNotTouchPresence(t *testing.T) {
	worlds(t, func(w *world) {
		r := newReceiver(w)
		r.turn(hang)
		p := w.servePosting(r)
		p.connect(user(0))
		w.within("a post to hang", func() bool { return r.count() > 0 })
		p.connectAll(100)
		p.wantOnline(append(usersFrom(0, 100), user(0))...)
		if d := w.diagnosis(); !d.Well || d.Outbox.Waiting != 100 {
			t.Errorf("the diagnosis is %+v", d)
		}
		if got := rollcallWith(t, "", "doctor", "--database", w.url); !strings.Contains(got.out, "outbox: 100 notices to be posted") {
			t.Errorf("the doctor says\n%s", got.out)
		}
		p.signal(syscall.SIGTERM)
		p.wantExit(exitOK)
	})
}

// usersFrom are the e-mails from one number to another.
func usersFrom(from, to int) (all []string) {
	for n := from; n < to; n++ {
		all = append(all, user(n))
	}
	return all
}

// visit connects and leaves.
func (p *process) visit(email string) {
	c, err := p.dial(email)
	if err != nil {
		p.Errorf("%s cannot dial: %v", email, err)
		return
	}
	defer func() { _ = c.Close() }()
	if _, _, err := c.ReadMessage(); err != nil {
		p.Errorf("%s is not greeted: %v", email, err)
	}
}

// servePosting starts a server that posts to the receiver. The secret goes through the
// environment, as an operator's does.
func (w *world) servePosting(r *eventReceiver, args ...string) *process {
	w.Helper()
	cmd := exec.Command(os.Args[0], w.command(append(args, "--webhook-url="+r.server.URL)...)...)
	cmd.Env = []string{"ROLLCALL_WEBHOOK_SECRET=" + webhookSecret}
	p := w.start(cmd)
	p.listens()
	return p
}

// waiting is how many events are to be posted.
func (w *world) waiting() int {
	w.Helper()
	n, err := strconv.Atoi(w.query("SELECT count(*) FROM outbox")[0])
	if err != nil {
		w.Fatal(err)
	}
	return n
}

// wantDelivered waits until nothing is to be posted any more.
func (w *world) wantDelivered() {
	w.Helper()
	began := time.Now()
	if !w.eventually(deliveryPromise+slack, func() bool { return w.waiting() == 0 }) {
		w.Fatalf("%d events are still to be posted", w.waiting())
	}
	w.Logf("everything was posted after %s", time.Since(began).Round(time.Millisecond))
}

// mood is what a receiver does with a post.
type mood int

const (
	accept     mood = iota
	refuse          // with 503, and without reading it
	hang            // until the server gives up
	answerLate      // take it, and answer when the server is gone
)

// eventReceiver writes down what it was told.
type eventReceiver struct {
	w      *world
	server *httptest.Server
	closed chan struct{}
	mu     sync.Mutex
	mood   mood
	posts  int
	events []toldEvent // in the order of their arrival, each the first time
	told   map[string]bool
}

type toldEvent struct {
	ID     string             `json:"id"`
	Kind   rollcall.EventKind `json:"kind"`
	Email  string             `json:"email"`
	Reason string             `json:"reason"`
}

func newReceiver(w *world) *eventReceiver {
	r := &eventReceiver{w: w, closed: make(chan struct{}), told: map[string]bool{}}
	r.server = httptest.NewServer(r)
	w.Cleanup(func() {
		close(r.closed)
		r.server.Close()
	})
	return r
}

// ServeHTTP implements [http.Handler].
func (r *eventReceiver) ServeHTTP(rw http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	mood := r.mood
	r.posts++
	r.mu.Unlock()
	switch mood {
	case refuse:
		rw.WriteHeader(http.StatusServiceUnavailable)
		return
	case hang:
		r.linger(request)
		return
	}
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return // the server was killed in the middle of its post
	}
	r.note(request.Header, body)
	if mood == answerLate {
		r.linger(request)
	}
}

func (r *eventReceiver) linger(request *http.Request) {
	_, _ = io.Copy(io.Discard, request.Body) // only then does the context end with the connection
	select {
	case <-request.Context().Done():
	case <-r.closed:
	}
}

// note checks the signature as a receiver must, and keeps what it has not heard yet.
func (r *eventReceiver) note(h http.Header, body []byte) {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(webhookSecret, "whsec_"))
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(h.Get("Webhook-Id") + "." + h.Get("Webhook-Timestamp") + "." + string(body)))
	if got, want := h.Get("Webhook-Signature"), "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)); got != want {
		r.w.Errorf("the signature is %.60q, want %q", got, want)
	}
	var post struct{ Events []toldEvent }
	if err := json.Unmarshal(body, &post); err != nil || len(post.Events) == 0 {
		r.w.Errorf("the post is %.200q, %v", body, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range post.Events {
		if !r.told[e.ID] {
			r.told[e.ID] = true
			r.events = append(r.events, e)
		}
	}
}

func (r *eventReceiver) turn(m mood) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mood, r.posts = m, 0
}

// count is how many posts came in this mood.
func (r *eventReceiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.posts
}

// wantChain wants so many events of a user: join, leave, join and so on, in the order
// of their numbers.
func (r *eventReceiver) wantChain(email string, length int) {
	r.w.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var kinds []rollcall.EventKind
	last := 0
	for _, e := range r.events {
		if e.Email != email {
			continue
		}
		kinds = append(kinds, e.Kind)
		id, err := strconv.Atoi(e.ID)
		if err != nil || id <= last {
			r.w.Errorf("of %s the event %q comes after %d", email, e.ID, last)
		}
		last = id
	}
	want := slices.Repeat([]rollcall.EventKind{rollcall.EventJoin, rollcall.EventLeave}, length/2)
	if !slices.Equal(kinds, want) {
		r.w.Errorf("of %s was told %v, want %v", email, kinds, want)
	}
}
