package main

import "testing"

// Clients that misbehave must not make the server slow for others. It is judged
// at their server alone, since nobody elsewhere could feel them, and only by
// replies enough.
func TestSlowEchoesBesideMisbehavingClientsAreFound(t *testing.T) {
	talked := func(node string, replies, slow int) *plant {
		p := newPlant()
		p.fault(fault{kind: misbehaviour, node: "one", began: 5000 * ms, ended: 20_000 * ms})
		for i := range replies {
			e := echo{node: node, sent: 6000*ms + moment(i)*ms, took: ms}
			if i < slow {
				e.took = 60 * ms
			}
			p.record.echoes = append(p.record.echoes, e)
		}
		return p
	}
	talked("one", 2000, 30).want(t, "one in a hundred of 2000 replies to others took 60.0 ms or longer (50ms for 99 of 100 replies)")
	talked("one", 2000, 10).wantNone(t)
	talked("two", 2000, 30).wantNone(t)
	talked("one", echoLeast, echoLeast).want(t, "one in a hundred of 1000 replies")
	talked("one", echoLeast-1, echoLeast-1).wantNone(t)
	crowded := talked("one", 2000, 30)
	crowded.record.echoes = append(crowded.record.echoes, echo{"one", 1000 * ms, 26 * ms}) // in health
	crowded.wantNone(t)
	busy := planted
	busy.slack = ms // somebody has said that this machine is busy
	if found := check(talked("one", 2000, 30).record, busy).violations; len(found) > 0 {
		t.Errorf("on a busy machine %q is blamed", found)
	}
}

// What other faults do to an echo must not be counted as health, nor blamed on
// clients.
func TestEchoesAreToldApartByWhatIsOn(t *testing.T) {
	p := newPlant()
	p.fault(fault{kind: databaseFrozen, began: 1000 * ms, ended: 2000 * ms})
	p.fault(fault{kind: misbehaviour, node: "one", began: 5000 * ms, ended: 9000 * ms})
	for _, sent := range []moment{500 * ms, 1500 * ms, 2500 * ms, 4000 * ms, 4990 * ms, 6000 * ms, 9500 * ms, 12_000 * ms} {
		p.record.echoes = append(p.record.echoes, echo{"one", sent, 20 * ms}, echo{"two", sent, 20 * ms})
	}
	all := summaries(p.record)
	if all[calm].Replies != 6 || all[rough].Replies != 1 {
		t.Errorf("%d replies are counted as health and %d beside misbehaviour, want 6 and 1", all[calm].Replies, all[rough].Replies)
	}
}
