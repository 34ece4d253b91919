package rollcall_test

import (
	"os"
	"strings"
	"testing"

	"github.com/rollcall/rollcall"
)

// Whoever reads a reason in the history looks it up in the runbook.
func TestOperatingNamesEveryReason(t *testing.T) {
	page, err := os.ReadFile("docs/operating.md")
	if err != nil {
		t.Fatal(err)
	}
	_, behind, _ := strings.Cut(string(page), "The reasons of `session_history`:")
	paragraph, _, _ := strings.Cut(behind, "\n\n")
	reasons := []string{rollcall.CauseNodeLost}
	for _, c := range []rollcall.Close{
		rollcall.CloseNormal, rollcall.CloseGoingAway, rollcall.CloseProtocolError, rollcall.CloseVanished, rollcall.CloseTimeout,
		rollcall.CloseInternalError, rollcall.CloseReplaced, rollcall.CloseDisconnected, rollcall.CloseSlow,
	} {
		reasons = append(reasons, c.Cause())
	}
	for _, reason := range reasons {
		if !strings.Contains(paragraph, "`"+reason+"`") {
			t.Errorf("%q is missing from %q", reason, paragraph)
		}
	}
}
