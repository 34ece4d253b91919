package actortest

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/rollcall/rollcall"
)

// DeadNode leaves a session of a node that has just renewed its lease and died.
func (s *Store) DeadNode(email rollcall.Email, lease time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := time.Now().UTC()
	left := rollcall.Change{
		Session: uuid.New(), Email: email, Admitted: true,
		ConnectedAt: at, Since: at, LastActivity: at, UserActivity: at,
	}
	s.apply(rollcall.Batch{Inserts: []rollcall.Change{left}})
	s.leases[left.Session] = time.Now().Add(lease)
}

// HoldDeadNode lets there be a node whose lease is over and that is not swept,
// because somebody else holds its row.
func (s *Store) HoldDeadNode() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = true
}

// SweepTrouble lets each sweep fail from now on; nil ends it.
func (s *Store) SweepTrouble(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweepTrouble = err
}

// Sweep implements [rollcall.Store].
func (s *Store) Sweep(context.Context) (rollcall.Swept, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var swept rollcall.Swept
	if s.sweepTrouble != nil {
		return swept, s.sweepTrouble
	}
	for session, until := range s.leases {
		left := time.Until(until)
		switch {
		case left <= 0:
			s.apply(rollcall.Batch{Deletes: []rollcall.Change{s.sessions[session]}})
			delete(s.leases, session)
			swept.Sessions++
		case swept.Next == 0 || left < swept.Next:
			swept.Next = left
		}
	}
	if s.held {
		swept.Next = time.Millisecond
	}
	return swept, nil
}
