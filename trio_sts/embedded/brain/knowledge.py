"""The facts of the embedded model: sentences that it understands, and their answers."""

from typing import Final

from attrs import frozen

GREETING: Final = "Hello, this is the Riverside bookshop. What can I do for you?"
INAUDIBLE: Final = "I am sorry, I did not catch that. Could you say it again?"
ANYTHING_ELSE: Final = "Is there anything else that I can do for you?"
FAREWELL: Final = "Goodbye, and thank you for calling the Riverside bookshop."


@frozen
class Fact:
    """One thing that is known: the ways to ask for it, and what is answered."""

    asked: tuple[str, ...]
    answer: str


FACTS: Final = (
    Fact(
        ("what are your opening hours", "when are you open"),
        "We are open from nine to six on weekdays, and from ten to four on Saturdays.",
    ),
    Fact(
        ("what is your address", "where are you located"),
        "We are at twelve Mill Lane, right beside the old bridge.",
    ),
    Fact(
        ("tell me about your company",),
        "The Riverside bookshop was founded by two sisters in nineteen sixty two. "
        "At first it was a single room above a bakery, and people came for the smell "
        "of bread and stayed for the books. Today there are three floors, a small "
        "café, and a cat that sleeps among the atlases. Every Thursday somebody "
        "reads aloud in the back room, and everybody is welcome to listen.",
    ),
    Fact(
        ("tell me a story",),
        "Once there was a lighthouse keeper who had a telephone, but nobody ever "
        "called him. So every evening he dialled a number that he made up. Most "
        "evenings nobody answered. One night, in the middle of a storm, a voice said "
        "hello. It belonged to a sailor whose ship had lost its way. Look to the "
        "north, said the keeper, and I will wave my lamp. The ship came home, and "
        "from that day his telephone rang every evening.",
    ),
    Fact(
        ("what kind of books do you have",),
        "We sell new and old books, maps, and good coffee.",
    ),
    Fact(
        ("how much does it cost",),
        "Most of our paperbacks cost twelve pounds.",
    ),
    Fact(
        ("who are you", "are you a computer"),
        "I am the bookshop's assistant, a small computer program with a big voice.",
    ),
    Fact(
        ("what can you do",),
        "I can tell you our opening hours, our address or a story, transfer you, and "
        "use the tools that I was given.",
    ),
    Fact(
        ("how are you today", "good morning"),
        "I am very well, thank you. How may I help you?",
    ),
    Fact(("thank you very much",), "You are welcome. " + ANYTHING_ELSE),
)

AGAIN: Final = ("what did you say", "could you repeat that")
GOODBYE: Final = ("goodbye", "thank you goodbye")
WEATHER: Final = ("what is the weather like today",)
