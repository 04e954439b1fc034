// Package reload holds the rules of changing the configuration: reading it,
// waiting for the workers to apply it, answering those who asked, and going
// back to the one before when nobody confirms it in time.
//
// A Machine knows no clock, file or log. It is told what happened and when (an
// Input) and appends what has to be done (Effects) to a slice of the caller's.
// Effects are carried out first to last; what comes of one of them is the next
// Input. It has no timers of its own: Deadline says when it wants a Tick.
//
// What a configuration is made of does not matter here: a Config has a digest,
// and is passed on. Which worker has it already is the subject of rollout.
package reload
