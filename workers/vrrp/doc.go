// Package vrrp is the loop of the vrrp worker process: it joins the engine that
// owns sockets, state machines and addresses (package vrrp of the floor below)
// to the connection to the supervisor.
package vrrp
