"""How long a host waits and how often it tries, with the reason beside each."""

from __future__ import annotations

# The text allows 20 ms until an answer starts; machines in the field take up to 200 ms.
REPLY_WINDOW_SECONDS = 0.200
# A machine that is slower than that is given twice what its slowest answer of late took, up to a second:
# an answer that comes after the poll was repeated is the one thing that can pass for another.
DELAYS_WAITED = 2.0
LONGEST_WINDOW_SECONDS = 1.0
# Before any answer has told how slow it is.
FIRST_WINDOW_SECONDS = 0.5
# Its slowest answer is forgotten by half after about 140 answers, a few seconds of polling.
DELAY_REMEMBERED = 0.995
# A line is quick when so many answers in a row began at once: an adapter's 16 ms and a machine's 20 take a
# tenth of a second at worst. Only then is a silence a loss, and no answer that is still to come.
QUICK_SECONDS, PROOF_ANSWERS = 0.1, 20
# The text allows 5 ms between the characters of an answer; USB adapters deliver in 16 ms pieces.
GAP_SECONDS = 0.020
# The longest answer takes 150 ms at 19,200 baud. A line that never falls silent is not waited for.
LONGEST_REPLY_SECONDS = 0.200
# A machine that has just said something is repeated to at the fastest interval the text knows.
REPEAT_PAUSE_SECONDS = 0.040
# A dozen windows: longer than a machine is busy with itself, shorter than anyone's patience.
LOST_AFTER_SECONDS = 2.5
# At 20 % loss every third poll is lost, ten in a row once in 30,000 times.
LOST_AFTER_POLLS = 10
# What is heard once instead of an answer may be noise on the way to the answer.
UNREAD_BELIEVED = 2
# A machine drops its link after 5 s without an address byte; half a second for both clocks.
LINK_DOWN_SECONDS = 5.0
QUIET_SECONDS = 5.5
# A machine that hears no host chirps every 200 ms: two chirps are heard within this.
LISTEN_SECONDS = 0.45
# Chirps are 200 ms apart; two pieces of one answer are not this far apart.
CHIRP_SPACING_SECONDS = 0.1
# Without its mark a chirp is just a byte: not before every late answer has had its time.
CERTAIN_CHIRP_SECONDS = 0.5
# A machine feels alone after 5 s without a poll to another address; one a second is plenty.
SYNCHRONISE_EVERY_SECONDS = 1.0

# SAS 1.4: original, repeat, repeat.
SENDS_OF_A_POLL = 3
# A machine may not know a poll it has never answered, and what it has to say must not wait for that: whoever
# asks may ask again, after a general poll.
SENDS_OF_A_NEW_POLL = 1
# An answer that is garbled each time is one we cannot read; exceptions must not wait for it.
GARBLED_SENDS_OF_A_POLL = 6
# A NACK may be about a repeat that was garbled on its way, while what the machine said before, and could not
# be read, is an event: at 5 % loss four of them in a row are said once in 150,000 times.
NACKS_BELIEVED = 4
# A machine that answers no long poll at all must not stop the general polls.
CONFIRMATIONS_TRIED = 2
# One chirp may be noise.
CHIRPS_BELIEVED = 2

# A machine that shares its line and is silent is looked for after so long, then twice that, to a limit: each
# look costs its neighbours a window.
REST_SECONDS = (2.0, 32.0)
# Machines that refuse do so for about a second: what is said for twice as long is what is reported.
REFUSED_SECONDS = 2.0
