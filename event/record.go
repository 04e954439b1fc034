package event

import (
	"fmt"
	"time"
)

// RecordKind is what sort of thing happened.
type RecordKind string

// The kinds.
const (
	RecordState      RecordKind = "state"       // an instance or a sync group changed its state
	RecordPriority   RecordKind = "priority"    // the effective priority of an instance changed
	RecordVerdict    RecordKind = "verdict"     // a real server came up or went down
	RecordQuorum     RecordKind = "quorum"      // a virtual server gained or lost its quorum
	RecordTracker    RecordKind = "tracker"     // a script, file or process that is tracked changed
	RecordTwoMasters RecordKind = "two masters" // a MASTER heard an advertisement that loses against it
	RecordRefused    RecordKind = "refused"     // advertisements of another router are refused, or wrong tokens
	RecordRepair     RecordKind = "repair"      // something else changed what is director's, and it was put back
	RecordProblem    RecordKind = "problem"     // something in the kernel is wrong, or is right again
	RecordScript     RecordKind = "script"      // a script of the user's ended
	RecordReload     RecordKind = "reload"      // a configuration came into force, or was refused
	RecordHandover   RecordKind = "handover"    // a mastership was handed over, or is no longer
	RecordOverride   RecordKind = "override"    // a drain, or a weight, began or ended
	RecordWorker     RecordKind = "worker"      // a worker process started, ended or was killed
	RecordCommand    RecordKind = "command"     // an operator asked for something
	RecordDirector   RecordKind = "director"    // director started, stopped or was upgraded
)

// RecordKinds are all kinds, for those who name one.
var RecordKinds = []RecordKind{
	RecordState, RecordPriority, RecordVerdict, RecordQuorum, RecordTracker, RecordTwoMasters, RecordRefused,
	RecordRepair, RecordProblem,
	RecordScript, RecordReload, RecordHandover, RecordOverride, RecordWorker, RecordCommand, RecordDirector,
}

// Record is something that happened, as it is kept in the state directory: one line of JSON each.
// Fields are only ever added.
type Record struct {
	Number Number     `json:"number"`
	At     time.Time  `json:"at"`
	Kind   RecordKind `json:"kind"`
	// Object is what it happened to, in the words of the configuration and of FIFO lines:
	// "instance VI_1", "virtual server [192.0.2.10]:tcp:80", "real server [10.0.0.2]:tcp:80 of
	// virtual server [192.0.2.10]:tcp:80", "worker lvs", "director".
	Object string `json:"object"`
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
	// Causes are the events that made it happen, as whoever told it said. Without one it begins here.
	Causes []Number `json:"causes,omitempty"`
	// Peer is who on another host made it happen: the address of a router, or the name of another half of the
	// pair. What made that happen is known there.
	Peer string `json:"peer,omitempty"`
	// Text says why, or what was seen.
	Text string `json:"text,omitempty"`
	// LeftOut is how many changes of the same object came before it and are not kept one by one:
	// the process that was to take them in was too slow, or they were too many (Text says so).
	LeftOut int `json:"left_out,omitempty"`
	// By is who asked for it, of a command.
	By *Operator `json:"by,omitempty"`
}

// Operator is who asked for something at the control socket, as the kernel knows the process at
// its other end.
type Operator struct {
	UID int `json:"uid"`
	// LoginUID is who logged in, whatever user that became since (sudo); -1 is nobody, or not known.
	LoginUID int    `json:"login_uid"`
	PID      int    `json:"pid"`
	User     string `json:"user,omitempty"`     // name of LoginUID, else of UID
	Terminal string `json:"terminal,omitempty"` // "pts/3"; empty without one
	// Remote is who it was when no process of this host asked at the control socket, in words: "192.0.2.7 by the
	// web page". All else is unknown then.
	Remote string `json:"remote,omitempty"`
}

// String is who it was in a few words: "alice, process 4711 at pts/3".
func (o Operator) String() string {
	if o.Remote != "" {
		return o.Remote
	}
	text := o.User
	if text == "" {
		text = fmt.Sprintf("uid %d", o.UID)
	}
	text += fmt.Sprintf(", process %d", o.PID)
	if o.Terminal != "" {
		text += " at " + o.Terminal
	}
	return text
}
