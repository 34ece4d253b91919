package transport

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rollcall/rollcall"
)

// Who asks for two hundred must get two hundred answers in their order, also for
// those who are nobody: one misspelt e-mail must not hide all the others.
func TestQueryAnswersEachInTheOrderAsked(t *testing.T) {
	p := startAPI(t)
	var told userStatesRead
	p.get("POST", "/presence/query", `{"emails":["nobody@example.com","user@example.com","","alice@example.com"," a","user@example.com"]}`, &told)
	want := []string{"nobody@example.com false no", "user@example.com true yes", " false no", "alice@example.com false yes", " a false no", "user@example.com true yes"}
	if got := told.words(); strings.Join(got, "|") != strings.Join(want, "|") {
		t.Errorf("told are\n%q\nwant\n%q", got, want)
	}
	if here, away := told.Users[1], told.Users[3]; here.ConnectedAt == nil || !here.ConnectedAt.Equal(noon) || away.ConnectedAt != nil {
		t.Errorf("who is here is told %+v, and who is not %+v", here, away)
	}
	p.get("POST", "/presence/query", `{"emails":[]}`, &told)
	if len(told.Users) != 0 {
		t.Errorf("nobody was asked for, and told are %q", told.words())
	}
}

// The database may be away, or say nothing: who is here is known all the same, and
// soon; who is a user is left open, not guessed.
func TestStateIsToldWithoutTheDatabase(t *testing.T) {
	for name, fail := range map[string]func(*fakeHistory){
		"away": func(h *fakeHistory) { h.away = true }, "silent": func(h *fakeHistory) { h.silent = true },
	} {
		p := startAPI(t)
		fail(p.history)
		var told userStatesRead
		p.get("POST", "/presence/query", `{"emails":["user@example.com","alice@example.com",""]}`, &told)
		if got := strings.Join(told.words(), "|"); got != "user@example.com true yes|alice@example.com false ?| false no" {
			t.Errorf("with the database %s told are %q", name, got)
		}
		var one userDetailRead
		p.get("GET", "/presence/nobody@example.com", "", &one)
		if one.Online || one.Known != nil || one.LastSeen != nil {
			t.Errorf("with the database %s told is %+v", name, one)
		}
		p.get("GET", "/presence/user@example.com", "", &one)
		if !one.Online || len(one.Sessions) != 2 {
			t.Errorf("with the database %s told is %+v", name, one)
		}
	}
}

// A user's page has what an operator asks for: which tabs, since when, where; and
// of one who has gone, since when.
func TestUserIsShownWithSessionsOrWhenLastSeen(t *testing.T) {
	p := startAPI(t)
	p.history.seen = map[rollcall.Email]time.Time{"alice@example.com": noon, "deleted@example.com": noon, "user@example.com": noon}
	var one userDetailRead
	p.get("GET", "/presence/user@example.com", "", &one)
	if !one.Online || one.LastSeen != nil || len(one.Sessions) != 2 || one.Sessions[0].Node != "here" || one.Sessions[0].Address != "192.0.2.1:50000" ||
		one.Sessions[0].ID == one.Sessions[1].ID || one.Sessions[0].UserAgent != "fake" {
		t.Errorf("who is here is shown as %+v", one)
	}
	for email, known := range map[string]bool{"alice@example.com": true, "deleted@example.com": false} {
		one = userDetailRead{}
		p.get("GET", "/presence/"+email, "", &one)
		if one.Online || one.LastSeen == nil || !one.LastSeen.Equal(noon) || one.Known == nil || *one.Known != known || one.Sessions == nil {
			t.Errorf("who was here is shown as %+v", one)
		}
	}
	p.history.vague = true // null must not mean both that there is none and that nobody could say
	one = userDetailRead{}
	if p.get("GET", "/presence/alice@example.com", "", &one); one.LastSeen != nil || one.Known != nil {
		t.Errorf("without an answer to when, shown is %+v", one)
	}
	p.history.vague = false
	p.wantProblem("GET", "/presence/nobody@example.com", "", http.StatusNotFound, "No such user.")
	p.wantProblem("GET", "/presence/%20", "", http.StatusNotFound, "No such user.")
}

// Who is connected to another server is online, and an operator must see all of the
// user's sessions, wherever they are, from the oldest on.
func TestUserIsShownWithTheSessionsOfAllServers(t *testing.T) {
	p := startAPI(t)
	other := func(e rollcall.Email, at time.Time) rollcall.SessionElsewhere {
		return rollcall.SessionElsewhere{Email: e, Node: "there", SessionState: rollcall.SessionState{ConnectedAt: at, LastActivity: at}}
	}
	early, late := noon.Add(-time.Hour), noon.Add(time.Hour)
	p.history.others = map[rollcall.Email][]rollcall.SessionElsewhere{
		"user@example.com":  {other("user@example.com", early), other("user@example.com", late)},
		"alice@example.com": {other("Alice@example.com", early), other("Alice@example.com", late)},
	}
	for asked, c := range map[string]struct {
		email string
		nodes []string
	}{
		"user@example.com":  {"user@example.com", []string{"there", "here", "here", "there"}},
		"alice@example.com": {"Alice@example.com", []string{"there", "there"}},
	} {
		var one userDetailRead
		p.get("GET", "/presence/"+asked, "", &one)
		if one.Email != c.email || !one.Online || one.Known == nil || !*one.Known || one.LastSeen != nil || !slices.Equal(one.nodes(), c.nodes) ||
			one.ConnectedAt == nil || !one.ConnectedAt.Equal(early) || one.LastActivity == nil || !one.LastActivity.Equal(late) {
			t.Errorf("%s is shown as %+v", asked, one)
		}
	}
	p.history.blind = true // then nobody can say that a user who is not here is offline
	var away userDetailRead
	if p.get("GET", "/presence/alice@example.com", "", &away); away.Online || away.Known != nil || away.LastSeen != nil {
		t.Errorf("without the other servers' sessions, shown is %+v", away)
	}
	var one userDetailRead
	if p.get("GET", "/presence/user@example.com", "", &one); !slices.Equal(one.nodes(), []string{"here", "here"}) {
		t.Errorf("without the other servers' sessions, shown is %+v", one)
	}
}

// Whoever asks in another case is told the user's own spelling, under which the list,
// the stream and the history have the user.
func TestUserIsToldUnderTheirOwnSpelling(t *testing.T) {
	p := startAPI(t)
	p.history.folds = true
	here := p.reaching.users["user@example.com"]
	p.reaching.users["USER@example.com"] = here
	var one userDetailRead
	for asked, want := range map[string]string{"USER@example.com": "user@example.com", "ALICE@example.com": "alice@example.com"} {
		if p.get("GET", "/presence/"+asked, "", &one); one.Email != want {
			t.Errorf("%s is told as %s", asked, one.Email)
		}
	}
	var told userStatesRead
	p.get("POST", "/presence/query", `{"emails":["USER@example.com","ALICE@example.com","NOBODY@example.com"]}`, &told)
	if got := strings.Join(told.words(), "|"); got != "user@example.com true yes|alice@example.com false yes|NOBODY@example.com false no" {
		t.Errorf("told are %q", got)
	}
}

// An e-mail may have anything in it, and a path takes it as one segment.
func TestUserIsFoundUnderAnyName(t *testing.T) {
	p := startAPI(t)
	for escaped, email := range map[string]string{
		"a%2Fb@example.com": "a/b@example.com", "a+b@example.com": "a+b@example.com", "%C3%BC@example.com": "\u00fc@example.com", "a%25b": "a%b",
	} {
		p.reaching.online(rollcall.Email(email), noon, 1)
		var one userDetailRead
		if p.get("GET", "/presence/"+escaped, "", &one); one.Email != email || !one.Online {
			t.Errorf("%s is shown as %+v", escaped, one)
		}
	}
}

// Requests of the API must not take all connections to the database: those that
// commits need among them.
func TestFewAskTheDatabaseAtATime(t *testing.T) {
	p := startAPI(t)
	p.history.silent = true
	const n = 4 * maxQuestions
	done := make(chan int, n)
	for range n {
		go func() {
			answer, _ := p.exchange("GET", "/presence/alice@example.com", "", nil)
			done <- answer.StatusCode
		}()
	}
	for range n {
		if status := <-done; status != http.StatusOK {
			t.Errorf("one who waits for a turn is answered %d", status)
		}
	}
	p.history.mu.Lock()
	defer p.history.mu.Unlock()
	if p.history.most != maxQuestions {
		t.Errorf("%d asked at a time, want %d", p.history.most, maxQuestions)
	}
}

type userStateRead struct {
	Email       string
	Online      bool
	Known       *bool
	ConnectedAt *time.Time `json:"connected_at"`
}

type userStatesRead struct{ Users []userStateRead }

func (u userStatesRead) words() (all []string) {
	for _, one := range u.Users {
		known, online := "?", "false"
		if one.Known != nil {
			known = map[bool]string{true: "yes", false: "no"}[*one.Known]
		}
		if one.Online {
			online = "true"
		}
		all = append(all, one.Email+" "+online+" "+known)
	}
	return all
}

type userDetailRead struct {
	userStateRead
	LastActivity *time.Time `json:"last_activity"`
	LastSeen     *time.Time `json:"last_seen"`
	Sessions     []struct {
		ID, Node, Address string
		UserAgent         string `json:"user_agent"`
	}
}

func (u userDetailRead) nodes() (names []string) {
	for _, one := range u.Sessions {
		names = append(names, one.Node)
	}
	return names
}
