package notify

import (
	"slices"
	"unicode/utf8"
)

const (
	// MaxRecent is how many ends of scripts are remembered, of all objects together.
	MaxRecent = 1024
	// recentOutput is how much of the output of each, in bytes: its end.
	recentOutput = 512
)

// remember notes how a script has ended.
func (n *Notifier) remember(l Last) {
	if len(n.recent) == MaxRecent {
		n.recent = slices.Delete(n.recent, 0, MaxRecent/4)
	}
	if over := len(l.Exit.Output) - recentOutput; over > 0 {
		for over < len(l.Exit.Output) && !utf8.RuneStart(l.Exit.Output[over]) {
			over++
		}
		l.Exit.Output = l.Exit.Output[over:]
	}
	if l.Exit.OK() {
		l.Exit.Output = ""
	}
	n.recent = append(n.recent, l)
}

// Recent are the last scripts that have ended, in the order of their ends.
func (n *Notifier) Recent() []Last {
	answer := make(chan []Last, 1)
	if !n.enqueue(func() { answer <- slices.Clone(n.recent) }) {
		return nil
	}
	select {
	case list := <-answer:
		return list
	case <-n.ended:
		return nil
	}
}
