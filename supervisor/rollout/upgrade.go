package rollout

import (
	"errors"
	"fmt"
)

// An upgrade puts another program in the place of the supervisor. The workers
// notice nothing. Whatever fails before the exec, or in it, leaves everything
// as it was.

// upgradeStep is how far an upgrade has come.
type upgradeStep uint8

const (
	// noUpgrade: nobody has asked for one.
	noUpgrade upgradeStep = iota
	// trying: the program is being asked whether it can take over.
	trying
	// preparing: it can. Reloads and scripts are held.
	preparing
	// executing: it is being executed.
	executing
)

type upgrade struct {
	step upgradeStep
	id   uint64 // of whoever waits for the answer, while trying
	err  string // why the last one failed
}

// Upgrading says that another program is about to take over.
func (m *Machine) Upgrading() bool { return m.upgrade.step >= preparing }

// UpgradeProblem is why the last upgrade, or the replacing of workers after it,
// failed; empty when it did not.
func (m *Machine) UpgradeProblem() string {
	if m.upgrade.err != "" {
		return m.upgrade.err
	}
	return m.renewal.problem
}

func (m *Machine) upgradeAsked(in UpgradeAsked) {
	if err := m.upgradable(in.Busy); err != nil {
		m.emit(AnswerUpgrade{in.ID, err.Error()})
		return
	}
	m.upgrade = upgrade{step: trying, id: in.ID, err: m.upgrade.err}
	m.emit(TryProgram{in.ID})
}

func (m *Machine) programTried(in ProgramTried) {
	if m.upgrade.step != trying {
		return
	}
	err := in.Err
	if err == nil {
		err = m.atRest(in.Busy)
	}
	if err != nil {
		m.answerUpgrade(err.Error())
		m.upgrade.step = noUpgrade
		return
	}
	m.answerUpgrade("")
	m.upgrade.step, m.upgrade.err = preparing, ""
	m.emit(Prepare{})
}

func (m *Machine) answerUpgrade(refused string) { m.emit(AnswerUpgrade{m.upgrade.id, refused}) }

func (m *Machine) prepared(err error) {
	if m.upgrade.step != preparing {
		return
	}
	if err == nil {
		err = m.atRest(false)
	}
	m.upgrade.step = executing
	if err != nil {
		m.execFailed(err)
		return
	}
	m.emit(Exec{})
}

func (m *Machine) execFailed(err error) {
	if m.upgrade.step != executing {
		return
	}
	m.upgrade = upgrade{err: "nothing has changed: " + err.Error()}
	m.emit(UpgradeFailed{err.Error()})
}

// upgradable says why there can be no upgrade now: what is in motion cannot be
// handed off.
func (m *Machine) upgradable(busy bool) error {
	switch {
	case m.Stopping():
		return errors.New("director is stopping")
	case m.upgrade.step != noUpgrade || m.renewal.busy():
		return errors.New("another upgrade is under way")
	case m.service == beginning:
		return errors.New("director is not in service yet")
	}
	return m.atRest(busy)
}

func (m *Machine) atRest(busy bool) error {
	if busy || m.table != tableReady {
		return errors.New("a configuration is being put in force: ask again when it is")
	}
	for _, p := range m.processes {
		switch {
		case p.phase != Running:
			return fmt.Errorf("the %s worker does not run", p.name)
		case p.watch.step > alive:
			return fmt.Errorf("the %s worker does not answer", p.name)
		case p.given != m.generation || p.applied != m.generation:
			return fmt.Errorf("the %s worker does not have the configuration in force yet", p.name)
		}
	}
	return nil
}
