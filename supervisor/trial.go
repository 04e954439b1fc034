package supervisor

import (
	"bytes"
	"cmp"
	"context"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/lvs-director/director/signals"
	"github.com/lvs-director/director/words"
	"github.com/lvs-director/director/worker"
)

// trialPatience bounds how long a program may take to say whether it can go on.
const trialPatience = 10 * time.Second

// ownFile is the file this program was started from.
func ownFile() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding the file of this program: %w", err)
	}
	return strings.TrimSuffix(path, " (deleted)"), nil
}

// try asks the program at path whether it can go on in the place of this one.
func (q handoffQuestion) try(ctx context.Context, path string) (handoffAnswer, error) {
	a, err := q.ask(ctx, path)
	if err == nil {
		err = a.evaluate(path)
	}
	return a, err
}

// ask runs the program with the question.
func (q handoffQuestion) ask(ctx context.Context, path string) (a handoffAnswer, err error) {
	ctx, cancel := context.WithTimeout(ctx, trialPatience)
	defer cancel()
	var asked bytes.Buffer
	if err := gob.NewEncoder(&asked).Encode(q); err != nil {
		return a, err
	}
	var out, errOut *bounded
	err = signals.Run(func() error {
		out, errOut = &bounded{limit: 1 << 20}, &bounded{limit: 64 << 10}
		cmd := exec.CommandContext(ctx, path, "hand-down")
		cmd.Args[0] = os.Args[0]
		cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(asked.Bytes()), out, errOut
		cmd.WaitDelay = time.Second
		// Not traced: it may be any program.
		if err := signals.Blocked(cmd.Start); err != nil {
			return err
		}
		return cmd.Wait()
	})
	switch {
	case ctx.Err() != nil:
		return a, fmt.Errorf("%s does not answer within %v: is it a director?", path, trialPatience)
	case err != nil:
		return a, fmt.Errorf("%s is not a director binary that can take over: %w %s", path, err,
			bytes.TrimSpace(errOut.Bytes()))
	case json.Unmarshal(out.Bytes(), &a) != nil || a.Handoff == 0:
		return a, fmt.Errorf("%s does not answer as a director that can take over: restart director to use it", path)
	}
	return a, nil
}

// evaluate says why the program at path, which has answered a, cannot take over.
func (a handoffAnswer) evaluate(path string) error {
	switch {
	case !reads(a.OldestHandoff, a.Handoff, oldestHandoff, handoffVersion):
		return fmt.Errorf("%s (version %s) cannot take over: it reads handoffs of version %d, this program writes version "+
			"%d: restart director to use it",
			path, a.Version, a.Handoff, handoffVersion)
	case !reads(a.OldestProtocol, a.Protocol, worker.OldestProtocol, worker.ProtocolVersion):
		return fmt.Errorf("%s (version %s) cannot take over: it speaks version %d of the protocol of the workers, this "+
			"program version %d: restart director to use it",
			path, a.Version, a.Protocol, worker.ProtocolVersion)
	case len(a.Errors) > 0:
		return fmt.Errorf("%s (version %s) finds %s in the configuration in force, the first: %s", path, a.Version,
			words.Count(len(a.Errors), "error"), a.Errors[0])
	}
	return nil
}

// reads says whether a program that reads the versions from oldest (0: newest)
// to newest understands one that writes mine, which can be understood by
// whoever knows myOldest.
func reads(oldest, newest, myOldest, mine int) bool {
	return cmp.Or(oldest, newest) <= mine && myOldest <= newest
}
