package held

// Usable says why programs can not be held here. Endpoint Security gives a client to
// programs alone that Apple has signed com.apple.developer.endpoint-security.client
// for; nothing of this build is, so that nobody is asked for one.
func Usable() error { return ErrEntitlement }

// Open is where a build with that entitlement makes its [Source]. It has to do this:
//
//   - make one client, and mute its own process and the agent's by audit token;
//   - subscribe to the event that asks before a program starts (AUTH_EXEC), and to
//     nothing else;
//   - make a [Start] of each message: the audit tokens of the process and of its target,
//     path, device and inode of the target's executable, its arguments and folder, and
//     the message's deadline by the monotonic clock;
//   - keep the message until Answer, and answer with the result uncached;
//   - in Close answer what is held with yes, and delete the client.
func Open() (Source, error) { return nil, Usable() }
