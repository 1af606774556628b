// The text that models are measured on where the user names none: ours, plain English, about 1,100 tokens. Changing it makes older figures
// incomparable, which their sha256 of the text shows.

/** Two windows of most vocabularies. */
export const usualText = `The wind that gave this program its name blows from the north-west, down the Channel and round the headlands of Brittany.
Fishermen there have never agreed on what it brings. Some say that it clears the sky by noon and dries the nets before evening; others
remember a morning in March when it turned without warning and kept eleven boats outside the harbour until the tide let them in. What they
all agree on is that it cannot be argued with. A skipper who waits for a better wind loses the day, and a skipper who pretends that there is
none loses more than that.

The harbour itself was built twice. The first wall, of loose granite blocks carried from a quarry two miles inland, stood for forty years
and was taken by a single winter. The engineer who was sent from the capital to replace it measured the waves for eighteen months before he
drew a line. People laughed at the man who stood on the rocks each day with a pole and a notebook, and the town council wrote three letters
to ask when he would begin. He answered each of them politely. When the second wall was finished it was lower than the first, and curved
where the first had been straight, so that the water ran along it and spent its strength before it reached the boats. It has been repaired
in places, but it has never been moved.

There is a small museum in the old customs house, open on three afternoons a week from April to October. The first room shows tools: a
caulking iron, needles of bone and steel, a compass with a cracked glass, and scales on which the catch was weighed before it was divided.
The rule of division is written on the wall beside them. One share went to each man, half a share to a boy in his first year, two shares to
the owner of the boat, and one to the boat itself, which paid for rope and sailcloth. Widows of men who had been lost with the boat were
given a quarter of a share for as long as it sailed. Nobody knows who made the rule, and there is no record of anyone who broke it.

The second room is about the weather. A barometer from the last century hangs beside a screen on which the forecast for the next six hours
is shown, and children are invited to read the one and guess the other. Most of them do better than chance, which the keeper of the museum
likes to explain. Pressure alone says little, he tells them; what matters is how fast it falls, and what the wind has done since
breakfast. If it has backed to the south and the swell comes in long and even, then there will be rain before night. If it has veered and the
gulls stay on the water, it will be fine tomorrow. He keeps a list of his own predictions on the inside of the door, with a small cross for
each one that failed, and there are more crosses than he would have to show.

In the last room there is only a table, with a logbook that visitors may turn. It belonged to a woman who kept the light on the outer rock
for twenty-six years, at first beside her husband and later alone. Most of its lines are short: the hour at which the lamp was lit, the oil
that it burned, the ships that passed and in which direction. But here and there she wrote something else. On a night in November she noted
that the sea was so quiet that she could hear a dog on the mainland. In her ninth year she copied a recipe for bread made with sea water, and
three days later added a single word, "salty". After the great storm she wrote a page and a half, the longest entry of all, and it is not
about the storm but about the morning after it, when she opened the door and found the rock covered with small birds that had been blown
from the land. They were too tired to fly away when she came near. She gave them what flour she had left, and counted them, as she counted
everything. There were two hundred and fourteen. By the evening of the next day the wind had gone round to the east, and all but six of them
had set off for home.

Visitors often ask whether the light is still kept by somebody. It is not; a small computer in a steel box does the work, and a technician
comes by boat twice a year to look after the battery. He says that the machine has failed only once, and that the fault was found in an
afternoon because it had written down, every minute, exactly what it was doing and what it had measured. The keeper of the museum was
pleased to hear it. He has asked for a copy of those pages, and means to put them on the table beside the book.
`
