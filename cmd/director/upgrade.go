package main

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/lvs-director/director/worker"
)

// trialPatience bounds how long a program may take to say whether it can go on.
const trialPatience = 10 * time.Second

// upgradePatience is how long the user's command waits for an upgrade.
const upgradePatience = time.Minute

// upgradeRequest is what POST /v1/upgrade is given.
type upgradeRequest struct {
	// Binary is an absolute path; empty is where the running program came from.
	Binary string `json:"binary,omitempty"`
}

// upgradeReport is how an upgrade goes on; the next program answers as well.
type upgradeReport struct {
	Version  string `json:"version"`
	Pid      int    `json:"pid"`
	Upgrades int    `json:"upgrades"` // that brought this program here
	Busy     bool   `json:"busy"`     // an upgrade is under way, or workers are being replaced
	Error    string `json:"error,omitempty"`
	// Replaced are the workers that the last one has replaced.
	Replaced []string `json:"replaced,omitempty"`
}

type upgradeCmd struct {
	daemonDirs
	Binary string `placeholder:"PATH" help:"The program to go on with; default the file that the running one was started from."`
}

// Help is the example that "director upgrade --help" shows.
func (upgradeCmd) Help() string {
	return `Puts a new program in the place of a running director: same process, same configuration, no script runs and
no advertisement is missed. First the supervisor is replaced, then, when the file is another one than theirs,
the workers one at a time. A program that cannot go on is refused, and nothing changes.

Example: install the package, then type: director upgrade`
}

// Run asks for an upgrade and waits for it.
func (c *upgradeCmd) Run(io streams) error {
	q := upgradeRequest{}
	if c.Binary != "" {
		path, err := filepath.Abs(c.Binary)
		if err != nil {
			return fmt.Errorf("finding %s: %w", c.Binary, err)
		}
		q.Binary = path
	}
	var before, now upgradeReport
	if err := ask(c.daemonDirs, http.MethodPost, "/v1/upgrade", upgradePatience, q, &before); err != nil {
		return err
	}
	for end := time.Now().Add(upgradePatience); ; time.Sleep(50 * time.Millisecond) {
		now = upgradeReport{}
		// It does not answer in the moment in which it is replaced.
		err := ask(c.daemonDirs, http.MethodGet, "/v1/upgrade", 10*time.Second, nil, &now)
		switch {
		case errors.Is(err, errNoDirector):
			return fmt.Errorf("director has ended during the upgrade, its log says why: %w", err)
		case err == nil && now.Error != "":
			return fmt.Errorf("upgrade: %s", now.Error)
		case err == nil && now.Upgrades > before.Upgrades && !now.Busy:
			workers := "the workers run on"
			if len(now.Replaced) > 0 {
				workers = "replaced: worker " + strings.Join(now.Replaced, ", worker ")
			}
			fmt.Fprintf(io.out, "director %s goes on as pid %d in the place of %s; %s\n", now.Version, now.Pid, before.Version, workers)
			return nil
		case time.Now().After(end):
			return errors.Join(errors.New("the upgrade takes too long: director status and the log say more"), err)
		}
	}
}

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
		return fmt.Errorf("%s (version %s) finds %s in the configuration in force, the first: %s", path, a.Version, plural(len(a.Errors), "error"), a.Errors[0])
	}
	return nil
}
