package supervisor

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

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
func (q handDownQuestion) try(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, trialPatience)
	defer cancel()
	var asked bytes.Buffer
	if err := gob.NewEncoder(&asked).Encode(q); err != nil {
		return err
	}
	out, errOut := &bounded{limit: 1 << 20}, &bounded{limit: 64 << 10}
	cmd := exec.CommandContext(ctx, path, "hand-down")
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = &asked, out, errOut
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	var a handDownAnswer
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s does not answer within %v: is it a director?", path, trialPatience)
	case err != nil:
		return fmt.Errorf("%s cannot be run as a director that goes on: %w %s", path, err, bytes.TrimSpace(errOut.Bytes()))
	case json.Unmarshal(out.Bytes(), &a) != nil || a.HandDown == 0:
		return fmt.Errorf("%s does not answer as a director that can go on: restart director to use it", path)
	case a.HandDown != handDownVersion || a.Protocol != worker.ProtocolVersion:
		return fmt.Errorf("%s (version %s) cannot go on from here: it takes over version %d with protocol %d, this one hands down %d with %d: restart director to use it",
			path, a.Version, a.HandDown, a.Protocol, handDownVersion, worker.ProtocolVersion)
	case len(a.Errors) > 0:
		return fmt.Errorf("%s (version %s) finds %s in the configuration in force, the first: %s", path, a.Version, words.Count(len(a.Errors), "error"), a.Errors[0])
	}
	return nil
}
