package actors

import (
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/rollcall/rollcall"
)

// Who may fail how, and what is done about it:
//
//	registry  resumed    a restart would stop every session; it goes on with the
//	                     state before the message, and reconciles
//	writer    restarted  it has no state; its batch is reported as failed
//	sweeper   restarted  it has no state; its sweep is reported as failed
//	session   stopped    a new actor on an old socket would lie to its client
//
// The registry, the writer or the sweeper that crashes more often than crashLimit within
// crashWindow is beyond help: a server that swallows connects is worse than
// one that ends, so presence fails and the process ends.
const (
	crashLimit  = 10
	crashWindow = 10 * time.Second
)

var (
	// ErrGaveUp means that an actor crashed too often to go on.
	ErrGaveUp = errors.New("an actor crashed more than 10 times in 10 s")

	errCrashed  = errors.New("the actor crashed")
	errNoAnswer = errors.New("the writer has not answered")
)

// isFinal tells the failures that no retry can mend.
func isFinal(err error) bool { return errors.Is(err, rollcall.ErrSuperseded) }

// registrySupervision resumes the registry.
type registrySupervision struct {
	presence *Presence
}

// HandleFailure implements the library's SupervisorStrategy.
func (s registrySupervision) HandleFailure(system *actor.ActorSystem, supervisor actor.Supervisor,
	child *actor.PID, stats *actor.RestartStatistics, reason, message any,
) {
	if tooOften(stats) {
		s.presence.fail(ErrGaveUp)
		supervisor.StopChildren(child)
		return
	}
	logCrash(s.presence.config.Logger, child, "resumed", reason, message)
	supervisor.ResumeChildren(child)
	system.Root.Send(child, &resumed{})
}

// childSupervision restarts the writer and the sweeper, and stops sessions.
type childSupervision struct {
	presence *Presence
}

// HandleFailure implements the library's SupervisorStrategy.
func (s childSupervision) HandleFailure(system *actor.ActorSystem, supervisor actor.Supervisor,
	child *actor.PID, stats *actor.RestartStatistics, reason, message any,
) {
	switch {
	case !strings.HasSuffix(child.Id, "/"+writerName) && !strings.HasSuffix(child.Id, "/"+sweeperName):
		logCrash(s.presence.config.Logger, child, "stopped", reason, message)
		if _, wedged := message.(*actor.Stop); wedged {
			supervisor.RestartChildren(child) // as an inert one, which the stop can reach
		}
		supervisor.StopChildren(child)
	case tooOften(stats):
		s.presence.fail(ErrGaveUp)
		supervisor.StopChildren(child)
	default:
		logCrash(s.presence.config.Logger, child, "restarted", reason, message)
		supervisor.RestartChildren(child)
		switch m := actor.UnwrapEnvelopeMessage(message).(type) {
		case *Commit:
			system.Root.Send(s.presence.registry, &CommitFailed{Number: m.Number, Err: errCrashed})
		case *Sweep:
			system.Root.Send(s.presence.registry, &Swept{Err: errCrashed})
		}
	}
}

// tooOften counts a failure.
func tooOften(stats *actor.RestartStatistics) bool {
	stats.Fail()
	if stats.NumberOfFailures(crashWindow) > crashLimit {
		return true
	}
	if stats.FailureCount() > 2*crashLimit { // old ones are never forgotten otherwise
		recent := stats.NumberOfFailures(crashWindow)
		for stats.Reset(); recent > 0; recent-- {
			stats.Fail()
		}
	}
	return false
}

func logCrash(log *slog.Logger, who *actor.PID, then string, reason, message any) {
	log.Error("actor crashed", "actor", who.Id, "then", then, "reason", reason, "message", messageName(message))
}
