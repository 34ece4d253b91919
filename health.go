package rollcall

import "time"

// Health is whether a node can admit at this moment, and what it knows of its
// own rows.
type Health struct {
	Obstacle  Obstacle      // empty while it can admit
	Sessions  int           // that were admitted and have not ended
	Committed time.Time     // when the last commit that succeeded began; zero before the first
	Lease     time.Duration // how long from then other nodes take this one for alive, at the least
}

// Obstacle is why nobody can be admitted, in words for an operator.
type Obstacle string

// The obstacles. All but the last two pass by themselves.
const (
	ObstacleStarting Obstacle = "starting"        // no commit has succeeded yet
	ObstacleAway     Obstacle = "database away"   // the last commit failed
	ObstacleOverdue  Obstacle = "commit overdue"  // none succeeded for the length of a lease
	ObstacleSilent   Obstacle = "no answer"       // the registry has not answered in time
	ObstacleFull     Obstacle = "full"            // there is no place for one more socket
	ObstacleDraining Obstacle = "draining"        // the server is about to end
	ObstacleFailed   Obstacle = "presence failed" // and ends the process
)
