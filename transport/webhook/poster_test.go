package webhook

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollcall/rollcall"
)

// A receiver that is down must not be hammered, nor forgotten: the pauses double
// from a quarter of a second to a minute, each at least a half of that, and the same
// notices come again.
func TestPausesDoubleUpToAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &fakeOutbox{waiting: []rollcall.Notice{join(1)}}
		var tried []time.Time
		run(t, o, func(*http.Request) (*http.Response, error) {
			tried = append(tried, time.Now())
			return answer(http.StatusServiceUnavailable), nil
		}, 10*time.Minute)
		if len(o.waiting) != 1 || len(tried) < 12 {
			t.Fatalf("tried %d times, and %d notices are left", len(tried), len(o.waiting))
		}
		for i := range tried[1:] {
			most := min(leastPause<<i, mostPause)
			if pause := tried[i+1].Sub(tried[i]); pause < most/2 || pause > most+lookEvery {
				t.Errorf("pause %d is %s, want from %s to %s", i, pause, most/2, most+lookEvery)
			}
		}
	})
}

// A receiver that says when it wants to be asked again knows better than we do. It
// must not be able to silence the webhook for good, nor to be hammered by asking for
// nothing.
func TestReceiverMaySayWhenToComeAgain(t *testing.T) {
	for name, test := range map[string]struct {
		status      int
		after       func() string
		least, most time.Duration
	}{
		"seconds":         {429, func() string { return "90" }, 90 * time.Second, 90*time.Second + lookEvery},
		"a date":          {503, func() string { return time.Now().UTC().Add(2 * time.Minute).Format(http.TimeFormat) }, 119 * time.Second, 2*time.Minute + lookEvery},
		"too long":        {429, func() string { return "18000000000000000000" }, mostPatience, mostPatience + lookEvery},
		"beyond 64 bits":  {429, func() string { return "99999999999999999999" }, mostPatience, mostPatience + lookEvery},
		"a date too late": {503, func() string { return time.Now().UTC().AddDate(0, 0, 1).Format(http.TimeFormat) }, mostPatience, mostPatience + lookEvery},
		"less than usual": {503, func() string { return "0" }, leastPause / 2, leastPause + lookEvery},
		"the past":        {503, func() string { return time.Unix(0, 0).UTC().Format(http.TimeFormat) }, leastPause / 2, leastPause + lookEvery},
		"nothing useful":  {503, func() string { return "-5 minutes" }, leastPause / 2, leastPause + lookEvery},
		"something else":  {500, func() string { return "90" }, leastPause / 2, leastPause + lookEvery},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &fakeOutbox{waiting: []rollcall.Notice{join(1)}}
				var tried []time.Time
				run(t, o, func(*http.Request) (*http.Response, error) {
					if tried = append(tried, time.Now()); len(tried) > 1 {
						return answer(http.StatusOK), nil
					}
					a := answer(test.status)
					a.Header.Set("Retry-After", test.after())
					return a, nil
				}, 2*mostPatience)
				if len(tried) != 2 {
					t.Fatalf("it was tried %d times", len(tried))
				}
				if pause := tried[1].Sub(tried[0]); pause < test.least || pause > test.most {
					t.Errorf("the pause is %s, want from %s to %s", pause, test.least, test.most)
				}
			})
		})
	}
}

// A receiver that hangs costs ten seconds, and not the turn: the next server would
// post the same beside this one.
func TestPostEndsWithinItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &fakeOutbox{waiting: []rollcall.Notice{join(1)}}
		var took time.Duration
		run(t, o, func(r *http.Request) (*http.Response, error) {
			began := time.Now()
			<-r.Context().Done()
			took = max(took, time.Since(began))
			return nil, r.Context().Err()
		}, time.Minute)
		if took != postTimeout || o.turn < took+outboxTimeout || o.failures == 0 {
			t.Errorf("a post took %s of a turn of %s, and %d failed", took, o.turn, o.failures)
		}
	})
}

// What was accepted must not be posted again because the database did not hear of it
// at once, and nothing else may be posted before it has.
func TestAcceptedNoticesAreOwedToTheOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &fakeOutbox{waiting: []rollcall.Notice{join(1), join(2)}, deaf: 5}
		posts := 0
		run(t, o, func(*http.Request) (*http.Response, error) {
			posts++
			return answer(http.StatusOK), nil
		}, time.Minute)
		if posts != 1 || len(o.waiting) != 0 || o.deaf != 0 {
			t.Errorf("%d posts, %d notices are left, the outbox is deaf %d times more", posts, len(o.waiting), o.deaf)
		}
	})
}

// A crowd that leaves at once must not make one post without end, and must not wait
// between posts either; who comes first is told first.
func TestBacklogIsPostedInOrderAndInPieces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &fakeOutbox{}
		for i := range 2*maxNotices + 1 {
			o.waiting = append(o.waiting, join(int64(i)))
		}
		want := slices.Clone(o.waiting)
		began := time.Now()
		var sizes []int
		var took time.Duration
		run(t, o, func(*http.Request) (*http.Response, error) {
			sizes, took = append(sizes, o.taken), time.Since(began)
			return answer(http.StatusNoContent), nil
		}, time.Minute)
		if !slices.Equal(sizes, []int{maxNotices, maxNotices, 1}) || took != 0 {
			t.Errorf("the posts have %d notices, and took %s", sizes, took)
		}
		if !slices.Equal(o.accepted, want) {
			t.Errorf("%d notices were accepted, or not in their order", len(o.accepted))
		}
	})
}

// A server that ends must not keep the others waiting for the end of its turn, nor
// count its own end as the receiver's refusal.
func TestPosterThatEndsYieldsItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &fakeOutbox{waiting: []rollcall.Notice{join(1)}}
		run(t, o, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, time.Second)
		if !o.yielded || o.failures != 0 || len(o.waiting) != 1 {
			t.Errorf("yielded: %t, failures: %d, notices left: %d", o.yielded, o.failures, len(o.waiting))
		}
	})
}

// What is lost must be said in a way that wakes somebody up, with how much it is.
func TestGivingUpIsAnErrorInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &fakeOutbox{givenUp: 7}
		said := run(t, o, nil, time.Second)
		if !strings.Contains(said, "level=ERROR") || !strings.Contains(said, "count=7") {
			t.Errorf("the log is %.300q", said)
		}
	})
}

// An operator reads of a receiver that refuses, and of an outbox that fails, once for
// each time that it begins and ends: not once for each attempt.
func TestTroubleIsSaidWhenItBeginsAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &fakeOutbox{waiting: []rollcall.Notice{join(1)}, deaf: 3}
		refusals := 4
		said := run(t, o, func(*http.Request) (*http.Response, error) {
			if refusals--; refusals >= 0 {
				return answer(http.StatusBadGateway), nil
			}
			return answer(http.StatusOK), nil
		}, time.Minute)
		for _, line := range []string{"webhook does not accept", "webhook accepts again", "outbox fails", "outbox answers again"} {
			if n := strings.Count(said, line); n != 1 {
				t.Errorf("%q is said %d times", line, n)
			}
		}
		if !strings.Contains(said, "the answer is 502") || strings.Contains(said, "token=secret") {
			t.Errorf("the log is %.600q", said)
		}
	})
}

// A server that is started while the receiver refuses has a log of its own: an operator
// who looks for the fault there must find it, and not once for each attempt.
func TestServerThatFindsTroubleSaysSoOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &fakeOutbox{waiting: []rollcall.Notice{join(1)}, failures: 3}
		said := run(t, o, func(*http.Request) (*http.Response, error) { return answer(http.StatusBadGateway), nil }, time.Minute)
		if n := strings.Count(said, "level=WARN"); n != 1 || !strings.Contains(said, "failures=4") {
			t.Errorf("%d warnings: %.600q", n, said)
		}
	})
}

// A receiver that asks for long pauses makes the webhook look dead. Each of them must be
// in the log, with its length; the usual ones must not.
func TestLongPauseIsSaidEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &fakeOutbox{waiting: []rollcall.Notice{join(1)}}
		after := []string{"", "90", "5", "120"}
		said := run(t, o, func(*http.Request) (*http.Response, error) {
			if len(after) == 0 {
				return answer(http.StatusOK), nil
			}
			a := answer(http.StatusTooManyRequests)
			a.Header.Set("Retry-After", after[0])
			after = after[1:]
			return a, nil
		}, time.Hour)
		if n := strings.Count(said, "webhook does not accept"); n != 3 || !strings.Contains(said, "pause=1m30s") || !strings.Contains(said, "pause=2m0s") {
			t.Errorf("%d refusals are said: %.900q", n, said)
		}
	})
}

// fakeOutbox is one that nobody else takes from. The poster is the only goroutine
// that touches it until it ends.
type fakeOutbox struct {
	waiting, accepted []rollcall.Notice
	failures, givenUp int
	notBefore         time.Time
	deaf              int // so many times it does not take what was accepted
	taken             int
	turn              time.Duration
	yielded           bool
}

func (o *fakeOutbox) Take(_ context.Context, most int, turn time.Duration) (rollcall.Taken, error) {
	o.turn = turn
	t := rollcall.Taken{Failures: o.failures, GivenUp: o.givenUp}
	o.givenUp = 0
	if !time.Now().Before(o.notBefore) {
		t.Notices = slices.Clone(o.waiting[:min(most, len(o.waiting))])
	}
	o.taken = len(t.Notices)
	return t, nil
}

func (o *fakeOutbox) Accept(_ context.Context, notices []rollcall.Notice) error {
	if o.deaf > 0 {
		o.deaf--
		return errors.New("the database is away")
	}
	o.accepted = append(o.accepted, notices...)
	o.waiting = o.waiting[len(notices):]
	o.failures = 0
	return nil
}

func (o *fakeOutbox) Postpone(_ context.Context, pause time.Duration) error {
	o.failures++
	o.notBefore = time.Now().Add(pause)
	return nil
}

func (o *fakeOutbox) Yield(context.Context) error {
	o.yielded = true
	return nil
}

// run posts to a receiver for a while, and returns the log.
func run(t *testing.T, o *fakeOutbox, receive transport, while time.Duration) string {
	t.Helper()
	var said strings.Builder
	ctx, cancel := context.WithTimeout(t.Context(), while)
	defer cancel()
	to := &url.URL{Scheme: "https", Host: "receiver.example", RawQuery: "token=secret"}
	New(Config{
		Outbox: o, URL: to, Secrets: secrets(t, oneSecret), Through: receive,
		Logger: slog.New(slog.NewTextHandler(&said, nil)),
	}).Run(ctx)
	return said.String()
}

// transport answers requests in the test.
type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func answer(status int) *http.Response {
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("ignored")), Header: http.Header{}}
}

func join(id int64) rollcall.Notice {
	return rollcall.Notice{ID: id, Kind: rollcall.EventJoin, Email: "ada@example.com", At: noon, ConnectedAt: noon}
}

func secrets(t *testing.T, text string) Secrets {
	t.Helper()
	s, err := ParseSecrets(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
