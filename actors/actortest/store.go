package actortest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rollcall/rollcall"
)

// ErrStore is the error of a commit that a test lets fail.
var ErrStore = errors.New("fault: the database")

// Trouble is what a test does to a commit.
type Trouble int

// The troubles.
const (
	None        Trouble = iota
	FailBefore          // nothing is applied, and an error returned
	FailAfter           // everything is applied, and an error returned
	Hang                // nothing happens until the commit is given up
	Superseded          // another server has the name
	Reject              // the content is refused
	CrashBefore         // nothing is applied, and whoever commits crashes
	CrashAfter          // everything is applied, and whoever commits crashes
)

// Store is a database in memory, with the rules of [rollcall.Store].
type Store struct {
	mu       sync.Mutex
	users    map[rollcall.Email]bool
	sessions map[rollcall.SessionID]rollcall.Change
	rows     map[rollcall.Email]rollcall.Entry
	sweeps   int64
	commits  []rollcall.Batch
	trouble  func(rollcall.Batch) Trouble
	delay    time.Duration // from the end of a commit to its answer

	leases       map[rollcall.SessionID]time.Time // of the other nodes, by their session
	held         bool                             // one is over, and cannot be swept
	sweepTrouble error
}

// NewStore makes a store with these users.
func NewStore(users ...rollcall.Email) *Store {
	s := &Store{
		users:    make(map[rollcall.Email]bool),
		sessions: make(map[rollcall.SessionID]rollcall.Change),
		rows:     make(map[rollcall.Email]rollcall.Entry),
		leases:   make(map[rollcall.SessionID]time.Time),
	}
	for _, u := range users {
		s.users[u] = true
	}
	return s
}

// Trouble decides from now on what happens to each commit; nil ends it.
func (s *Store) Trouble(decide func(rollcall.Batch) Trouble) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble = decide
}

// Always is a Trouble for every commit.
func Always(t Trouble) func(rollcall.Batch) Trouble {
	return func(rollcall.Batch) Trouble { return t }
}

// Delay lets the answers to commits be late by so much.
func (s *Store) Delay(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay = d
}

// Commit implements [rollcall.Store].
func (s *Store) Commit(ctx context.Context, b rollcall.Batch) (rollcall.Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func(d time.Duration) {
		s.mu.Unlock()
		select {
		case <-time.After(d):
		case <-ctx.Done():
		}
		s.mu.Lock()
	}(s.delay)
	trouble := None
	if s.trouble != nil {
		trouble = s.trouble(b)
	}
	switch trouble {
	case FailBefore:
		return rollcall.Result{}, ErrStore
	case Superseded:
		return rollcall.Result{}, rollcall.ErrSuperseded
	case Reject:
		return rollcall.Result{}, rollcall.ErrRejected
	case CrashBefore:
		panic("fault: before the batch is applied")
	case Hang:
		s.mu.Unlock()
		<-ctx.Done()
		s.mu.Lock()
		return rollcall.Result{}, context.Cause(ctx)
	}
	result := s.apply(b)
	switch trouble {
	case FailAfter:
		return rollcall.Result{}, ErrStore
	case CrashAfter:
		panic("fault: after the batch was applied")
	}
	return result, nil
}

func (s *Store) apply(b rollcall.Batch) rollcall.Result {
	s.commits = append(s.commits, b)
	result := rollcall.Result{Users: make(map[rollcall.Email]rollcall.Entry), Sweeps: s.sweeps}
	for _, c := range b.Touches {
		if row, ok := s.rows[c.Email]; ok {
			row.LastActivity = latest(row.LastActivity, c.UserActivity)
			s.rows[c.Email] = row
		}
	}
	s.insert(b, true)
	for _, c := range b.Deletes {
		delete(s.sessions, c.Session)
		if !slices.Contains(s.emails(), c.Email) {
			delete(s.rows, c.Email)
		}
	}
	s.insert(b, false)
	for _, c := range b.Inserts {
		if row, ok := s.rows[c.Email]; ok && !c.Admitted {
			result.Users[c.Email] = row
		}
	}
	if b.Count {
		result.Sessions = len(s.sessions) - len(s.leases)
	}
	return result
}

// insert writes those sessions that were admitted before, or those that were not.
func (s *Store) insert(b rollcall.Batch, admitted bool) {
	for _, c := range b.Inserts {
		if c.Admitted != admitted || !admitted && !s.users[c.Email] {
			continue
		}
		s.sessions[c.Session] = c
		row, ok := s.rows[c.Email]
		if !ok || c.Since.Before(row.ConnectedAt) {
			row.ConnectedAt = c.Since
		}
		row.Email, row.LastActivity = c.Email, latest(row.LastActivity, c.UserActivity)
		s.rows[c.Email] = row
	}
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// SweptByAnother removes everything, as another node does that takes this one for dead.
func (s *Store) SweptByAnother() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sessions)
	clear(s.rows)
	s.sweeps++
}

// DeletedByHand removes a user's sessions and row, as somebody may in SQL.
func (s *Store) DeletedByHand(email rollcall.Email) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.sessions, func(_ rollcall.SessionID, c rollcall.Change) bool { return c.Email == email })
	delete(s.rows, email)
}

// Sessions is the e-mails of the sessions, each once.
func (s *Store) Sessions() []rollcall.Email {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.emails()
}

func (s *Store) emails() []rollcall.Email {
	var all []rollcall.Email
	for _, c := range s.sessions {
		all = append(all, c.Email)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// SessionCount is how many sessions there are.
func (s *Store) SessionCount() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.sessions)
}

// Rows is the active connections.
func (s *Store) Rows() map[rollcall.Email]rollcall.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.rows)
}

// Commits is every batch that was applied.
func (s *Store) Commits() []rollcall.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commits)
}
