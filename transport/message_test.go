package transport

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/rollcall/rollcall"
)

// A message reaches whom it is for and nobody else, and the answer says how many
// took it.
func TestMessageGoesToWhomItIsFor(t *testing.T) {
	p := startAPI(t)
	p.reaching.online("alice@example.com", noon, 1)
	for i, c := range []struct {
		path, body string
		to         []rollcall.Email
		everybody  bool
		took       int
		frame      string
	}{
		{"/users/user@example.com/messages", `{"message":{"a":[1,"ü"]},"id":"7"}`, []rollcall.Email{"user@example.com"}, false, 2,
			`{"type": "push", "message": {"a": [1, "\u00fc"]}, "id": "7"}`},
		{"/messages", `{"message":null,"id":"\""}`, nil, true, 3, `{"type": "push", "message": null, "id": "\""}`},
		{"/messages", `{"emails":["user@example.com","alice@example.com"," ","user@example.com"],"message":"x","id":"9"}`,
			[]rollcall.Email{"alice@example.com", "user@example.com"}, false, 3, `{"type": "push", "message": "x", "id": "9"}`},
		{"/messages", `{"emails":[],"message":"x","id":"10"}`, nil, false, 0, `{"type": "push", "message": "x", "id": "10"}`},
		{"/users/bob@example.com/messages", `{"message":0,"id":"11"}`, []rollcall.Email{"bob@example.com"}, false, 0,
			`{"type": "push", "message": 0, "id": "11"}`},
	} {
		if i == 4 {
			p.history.users = append(p.history.users, "bob@example.com") // who is a user, and not here
		}
		var told pushed
		p.get("POST", c.path, c.body, &told)
		r := p.reaching
		if told.Sessions != c.took || !slices.Equal(r.to[i], c.to) || r.all[i] != c.everybody || r.frames[i] != c.frame {
			t.Errorf("%s %s: %d took it, of %q (everybody: %t): %s", c.path, c.body, told.Sessions, r.to[i], r.all[i], r.frames[i])
		}
	}
	p.wantProblem("POST", "/users/nobody@example.com/messages", `{"message":1}`, http.StatusNotFound, "No such user.")
}

// Without an ID of the caller's each message has a new one, in its frame and in the
// answer, so that a client can tell two from one that was sent twice.
func TestMessageHasAnIDOfItsOwn(t *testing.T) {
	p := startAPI(t)
	var one, other pushed
	p.get("POST", "/messages", `{"message":1}`, &one)
	p.get("POST", "/messages", `{"message":1}`, &other)
	if _, err := uuid.Parse(one.ID); err != nil || one.ID == other.ID || !strings.Contains(p.reaching.frames[0], `"id": "`+one.ID+`"`) {
		t.Errorf("the IDs are %q and %q, and the first frame is %s", one.ID, other.ID, p.reaching.frames[0])
	}
}

// An operator's words reach the client, in the close that tells it not to come
// again.
func TestDisconnectTellsTheOperatorsWords(t *testing.T) {
	p := startAPI(t)
	session := p.reaching.users["user@example.com"].Sessions[1].ID.String()
	long := strings.Repeat("ü", maxReason/2)
	for i, c := range []struct {
		path   string
		reason string
		ended  int
	}{
		{"/presence/user@example.com", "Disconnected by an operator", 2},
		{"/presence/user@example.com?reason=" + strings.Repeat("%C3%BC", maxReason/2), long, 2},
		{"/sessions/" + session + "?reason=", "Disconnected by an operator", 1},
		{"/sessions/" + session + "?reason=a+b", "a+b", 1},
		{"/presence/alice@example.com", "Disconnected by an operator", 0}, // a user, and not here
	} {
		var told disconnected
		p.get("DELETE", c.path, "", &told)
		want := rollcall.Close{Code: rollcall.CloseDisconnected.Code, Reason: c.reason}
		if told.Sessions != c.ended || p.reaching.closes[i] != want {
			t.Errorf("DELETE %s ended %d with %v", c.path, told.Sessions, p.reaching.closes[i])
		}
	}
	p.wantProblem("DELETE", "/presence/nobody@example.com", "", http.StatusNotFound, "No such user.")
	p.wantProblem("DELETE", "/sessions/00000000-0000-7000-8000-000000000000", "", http.StatusNotFound, "No such session on this server.")
	p.wantProblem("DELETE", "/sessions/none", "", http.StatusNotFound, "No such session on this server.")
	p.history.away = true // then nobody can say that it is no user's
	var told disconnected
	if p.get("DELETE", "/presence/nobody@example.com", "", &told); told.Sessions != 0 {
		t.Errorf("ended were %d", told.Sessions)
	}
}

// The question reaches the database as it was asked, and the answer has what
// attendance needs: how long, and why it ended.
func TestHistoryIsAskedAndTold(t *testing.T) {
	p := startAPI(t)
	p.history.page = rollcall.HistoryPage{Next: "further", Sessions: []rollcall.Ended{{
		ID: uuid.Max, Email: "user@example.com", Node: "there", ConnectedAt: noon, EndedAt: noon.Add(90 * time.Second),
		LastActivity: noon, Reason: "timeout", Address: "192.0.2.1:1", UserAgent: "fake",
	}}}
	_, text := p.exchange("GET", "/history?email=a+b@example.com&from=2025-10-21T00:00:00%2B02:00&to=2025-10-22T00:00:00Z&limit=7&after=cursor", "", nil)
	want := `{"sessions":[{"id":"ffffffff-ffff-ffff-ffff-ffffffffffff","email":"user@example.com","node":"there","connected_at":"2025-10-21T12:00:00.000500Z",` +
		`"ended_at":"2025-10-21T12:01:30.000500Z","last_activity":"2025-10-21T12:00:00.000500Z","duration_ms":90000,"reason":"timeout",` +
		`"address":"192.0.2.1:1","user_agent":"fake"}],"next":"further"}`
	if text != want {
		t.Errorf("told is\n%s\nwant\n%s", text, want)
	}
	q := p.history.asked[0]
	from, to := time.Date(2025, 10, 20, 22, 0, 0, 0, time.UTC), time.Date(2025, 10, 22, 0, 0, 0, 0, time.UTC)
	if !q.From.Equal(from) || !q.To.Equal(to) || q.Email != "a+b@example.com" || q.Limit != 7 || q.After != "cursor" {
		t.Errorf("asked was %+v", q)
	}
	p.history.page = rollcall.HistoryPage{}
	if _, text := p.exchange("GET", "/history", "", nil); text != `{"sessions":[],"next":null}` {
		t.Errorf("nothing is told as %s", text)
	}
	if q := p.history.asked[1]; q != (rollcall.HistoryQuery{Limit: usualPage}) {
		t.Errorf("asked for all was %+v", q)
	}
}
