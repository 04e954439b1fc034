package supervisor

import (
	"fmt"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/diff"
	"github.com/lvs-director/director/words"
)

// A letter that is wrong is a warning in keepalived, and takes down what stood
// there. At a start that is so here too. A reload in which a new warning goes
// with the loss of something that runs is refused, until somebody says that it
// is meant. A configuration of the history was in force before, and is not asked.

// losses are what runs and would go because of a new finding in l.
func (s *supervisor) losses(l *loaded) []string {
	if l.cfg.Global.ReloadOnLoss == conf.ApplyLoss || conf.HasErrors(l.findings) {
		return nil
	}
	var list []string
	for _, loss := range diff.Losses(s.current().cfg, l.cfg, s.current().findings, l.findings) {
		list = append(list, loss.String())
	}
	return list
}

// shownLosses bounds how many are told in one line.
const shownLosses = 5

// lossText is why a reload with these losses is refused, and what can be done;
// empty without any.
func lossText(losses []string) string {
	if len(losses) == 0 {
		return ""
	}
	shown := losses[:min(len(losses), shownLosses)]
	text := strings.Join(shown, "; ")
	if more := len(losses) - len(shown); more > 0 {
		text += fmt.Sprintf("; and %s more", words.Count(more, "loss"))
	}
	return text + ": correct the file, or, if this is meant, type: director reload --accept-loss"
}
