package actors

import (
	"log/slog"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/rollcall/rollcall"
)

const (
	// flushEvery is how long activity may wait before it is due for a batch: with a
	// tick and a commit on top it is in the database within a second, as long as one
	// commit has room for it. See touchesBeside and touchesShare for when it has not.
	// It is not a number of ticks, or one that came a moment early would be too soon.
	flushEvery = 750 * time.Millisecond
	// reconcileWithin bounds the harm of a lost message, if ticks are not late, and no
	// more than remindersAtOnce are told again at each. A
	// round takes half of that, since who is seen first in one may come last in the
	// next; and so many looks: some less than there are ticks in it.
	reconcileWithin = 5 * time.Second
	roundEvery      = reconcileWithin / 2
	looksInRound    = 20
)

// registry is the actor that knows who is here. It never waits: the roster is
// in memory, and the database is the writer's.
type registry struct {
	presence *Presence
	log      *slog.Logger
	roster   *roster
	answers  map[rollcall.SessionID]chan<- Answer
	writer   *actor.PID
	sweeper  *actor.PID
	sessions *actor.Props
	next     session // what the next spawn of sessions is to be

	closing    *rollcall.Close // once it is draining
	drained    chan<- struct{} // to be told when nothing is left
	failures   int             // commits that failed since the last that did not
	retryAt    time.Time
	confirmed  time.Time // when the last commit that succeeded was given to the writer
	committing time.Time // when the last commit was given to the writer
	renewed    time.Time // when the last one was that also compared the rows
	flushed    time.Time
	reconciled time.Time
	rounded    time.Time // when the round of looks began
	looked     time.Time // when its last look was
	unseen     int       // how many of those who are here still have their look before that is due again

	toldActivity time.Time
	ticked       time.Time // when the last tick was done
	calm         bool      // it ticks slowly

	sweepAt       time.Time // when the next sweep is due
	sweepFailures int       // sweeps that failed since the last that did not
}

func newRegistry(p *Presence) *registry {
	r := &registry{
		presence: p,
		log:      p.config.Logger,
		roster:   newRoster(p.config.Policy, p.config.key(), newFeed(p.window)),
		answers:  make(map[rollcall.SessionID]chan<- Answer),
	}
	// One Props serves all sessions, since each would hold one for life: spawning
	// calls OnInit before it returns, and that hands over the state. A session
	// that the library should ever bring back is not initialised, and so inert.
	r.sessions = actor.PropsFromProducer(func() actor.Actor { return &session{} },
		p.config.props(RoleSession,
			actor.WithMailbox(newMailbox),
			actor.WithOnInit(func(c actor.Context) { *c.Actor().(*session) = r.next }))...)
	return r
}

// Receive is the registry's table of contents. After each message it gives the
// writer what has piled up, if the writer is free: that is the group commit. And
// whoever watches sees what has happened.
func (r *registry) Receive(c actor.Context) {
	r.presence.steps.begin()
	switch m := c.Message().(type) {
	case *actor.Started:
		r.started(c)
	case *Connect:
		r.connect(c, m)
	case *Abandon:
		r.abandon(c, m.Session)
	case *Committed:
		r.committed(c, m)
	case *CommitFailed:
		r.commitFailed(c, m)
	case *actor.Terminated:
		r.terminated(c, m.Who)
	case *Ask:
		r.feel()
		tell(m.Answer, r.roster.order.snapshot())
	case *Watch:
		r.watch(m)
	case *Find:
		r.feel()
		tell(m.Answer, r.roster.find(m.Emails))
	case *Reach:
		tell(m.Answer, r.roster.sockets(m.Emails))
	case *Kick:
		r.kick(c, m)
	case *Examine:
		tell(m.Answer, r.health(time.Now()))
	case *Swept:
		r.swept(m)
	case *Drain:
		r.startDrain(c, m)
	case *tick:
		r.tick(c, m.at)
	case *resumed:
		r.resumed(c)
	}
	r.commit(c)
	r.publish()
	r.hasten()
	r.presence.steps.end(r.roster.order.version)
}

func (r *registry) started(c actor.Context) {
	if r.writer == nil {
		r.writer, _ = c.SpawnNamed(writerProps(r.presence), writerName)
		r.sweeper, _ = c.SpawnNamed(sweeperProps(r.presence), sweeperName)
	}
}

// tell gives an answer to whoever waits for it: once, if it was asked twice.
func tell[T any](to chan<- T, a T) {
	select {
	case to <- a:
	default:
	}
}

func (r *registry) connect(c actor.Context, m *Connect) {
	now := time.Now()
	if r.closing != nil {
		tell(m.Answer, Answer{Refused: *r.closing})
		return
	}
	if !now.Before(m.Deadline) || r.answers[m.Session] != nil || r.roster.members[m.Session] != nil {
		return // too late, or delivered twice
	}
	r.answers[m.Session] = m.Answer
	r.carryOut(c, r.roster.connect(m.Session, m.Request, now, m.Deadline))
}

// abandon ends a session that was admitted when nobody waited any more. A
// connect that still waits is over by its deadline.
func (r *registry) abandon(c actor.Context, id rollcall.SessionID) {
	delete(r.answers, id)
	if m := r.roster.members[id]; m != nil && m.phase == here {
		c.Send(childPID(c, id), &Gone{})
	}
}

// feel notes what sessions have done since the last time: before whoever asks is
// answered, before a session leaves, and when it is to be written. At each tick it
// would be ten times the work, for nobody.
func (r *registry) feel() {
	for p := r.presence.beats.pop(); p != nil; p = r.presence.beats.pop() {
		r.roster.touch(p.session, p.take())
	}
}

// carryOut does what a step of the roster asks for.
func (r *registry) carryOut(c actor.Context, o outcome) {
	for _, v := range o.refused {
		r.answer(v.session, Answer{Refused: v.close})
	}
	for _, m := range o.admitted {
		r.spawn(c, m)
	}
	for _, v := range o.ended {
		r.end(c, v.session, v.close)
	}
	if o.doubted > 0 {
		r.log.Info("rows were removed by others; the sessions are written again", "sessions", o.doubted)
	}
}

// spawn starts the session of an admitted member, and tells its door.
func (r *registry) spawn(c actor.Context, m *member) {
	p := &pulse{session: m.id}
	r.next = session{email: m.user.email, socket: m.connect.Socket, pulse: p, beats: &r.presence.beats}
	pid, err := c.SpawnNamed(r.sessions, sessionName(m.id))
	if err != nil {
		r.log.Error("session not spawned", "session", m.id, "error", err)
		return
	}
	m.pulse = p
	r.log.Debug("session admitted", "session", m.id, "email", m.user.email, "address", m.connect.Address)
	r.answer(m.id, Answer{Admitted: &door{root: r.presence.system.Root, pid: pid}})
}

func (r *registry) answer(id rollcall.SessionID, a Answer) {
	if to := r.answers[id]; to != nil {
		delete(r.answers, id)
		tell(to, a)
	}
}

func (r *registry) end(c actor.Context, id rollcall.SessionID, why rollcall.Close) {
	c.Send(childPID(c, id), &End{Close: why})
}

// terminated hears of the end of a child, whatever ended it.
func (r *registry) terminated(c actor.Context, who *actor.PID) {
	name := strings.TrimPrefix(who.Id, c.Self().Id+"/")
	if name == writerName || name == sweeperName {
		r.presence.fail(ErrGaveUp)
		return
	}
	if id, ok := sessionOf(name); ok {
		r.leave(id)
	}
}

// leave takes a session off the roster, and only then closes its socket: a
// client that has read the answer to its goodbye is not listed any more.
func (r *registry) leave(id rollcall.SessionID) {
	m := r.roster.members[id]
	if m == nil || m.phase != here {
		return
	}
	r.feel()
	socket := m.connect.Socket
	why, ended := socket.Ended()
	if !ended {
		why = rollcall.CloseInternalError
	}
	now := time.Now()
	var until time.Time
	if grace := r.presence.config.Grace; grace > 0 {
		until = now.Add(grace)
	}
	r.roster.leave(id, why.Cause(), now, until)
	socket.Close(why)
	r.log.Debug("session left", "session", id, "cause", why.Cause(), "code", why.Code)
}

// watch hands over who is here, and the place in the feed of that same instant.
func (r *registry) watch(m *Watch) {
	r.feel()
	tell(m.Answer, View{r.roster.order.snapshot(), r.roster.order.feed.watch(time.Now())})
}

// kick tells sessions to go, and whoever asked how many it were.
func (r *registry) kick(c actor.Context, m *Kick) {
	o := r.roster.kick(m.Email, m.Session, m.Close, time.Now())
	r.carryOut(c, o)
	tell(m.Answer, len(o.ended)+len(o.refused))
}

// publish shows what the message has changed.
func (r *registry) publish() {
	if f := r.roster.order.feed; f.fresh {
		f.publish(time.Now())
	}
}
