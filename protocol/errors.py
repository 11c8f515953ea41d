"""Everything that can be wrong with bytes from outside, one type per rule, in one small tree.

The program reads the type, the log reads the attributes; what each rule is stands in `errors.pyi`, and what a person is told in
`protocol/refusals.py`. A type is made when it is first asked for, because all of them together took 8 KB of a device's heap and most
never occur in a device's life: the tree below is text until then. MicroPython allows one exception base only.
"""


class ProtocolError(Exception):
    """Base of all refusals here; `FACTS` names the attributes, in the order they are given."""

    FACTS = ()

    def __init__(self, *facts):
        super().__init__(*facts)
        for name, fact in zip(self.FACTS, facts):
            setattr(self, name, fact)


# name and facts of each type, one space deeper than its parent, whose facts it has when it names none
TREE = """\
NotCBOR at got
 CutShort
 TrailingBytes
 Indefinite
 NonMinimal
 Unsorted
 DuplicateLabel
 BadLabel
 TooDeep
 UnexpectedTag
 ReservedInformation
 StrayBreak
 BadText
 BadSimple
 FloatRefused
NotEncodable got
NotCOSE got
 AlgorithmAbsent
 AlgorithmUnprotected
 WrongAlgorithm
 UnknownCritical
 TwoIVs
 BadHeader
 BadSignature
  SignatureLength
  SignatureRange
BadReading field got
BadReceipt field got
SequenceTooLarge got
SequenceJump expected got
NotCoAP at got
 MessageCutShort
 WrongVersion
 TokenTooLong
 OptionReserved
 OptionNumberTooLarge
 TooManyOptions
 MarkerWithoutPayload
 EmptyNotEmpty
 MessageTooLarge
 UnknownCriticalOption
IllegalEvent state event
NotOSCORE got
 WrongContext
 TagBroken
 Replayed
 PlaintextEmpty
NotEDHOC got
 WrongMethod
 WrongSuite
 PointOffCurve
 UnknownCredential
 CriticalData
 MacBroken
BadBatch field got
BadCommand field got
BadPairing field got
BadManifest field got
 OlderRelease
 OtherDevice
 DigestMismatch
BadBlock expected got
BadFragment expected got
 FragmentGap
 FragmentOverlap
 FragmentTotal
 SecondObject
 FragmentLate
BadEnvelope got
SealBroken got
BadLinkCode part got
BadLinkMessage got
BadLabelText part got
BadOrder got
"""


def __getattr__(name):
    """Make the type of this name, and those above it."""
    rows = TREE.split("\n")
    at = 0
    while rows[at].split()[:1] != [name]:
        at += 1
        if at == len(rows):
            raise AttributeError(name)
    row = rows[at]
    words = row.split()
    depth = len(row) - len(row.lstrip())
    parent = ProtocolError
    if depth:
        while len(rows[at]) - len(rows[at].lstrip()) >= depth:
            at -= 1
        above = rows[at].split()[0]
        parent = globals().get(above) or __getattr__(above)
    facts = {"FACTS": tuple(words[1:])} if len(words) > 1 else {}
    made = globals()[name] = type(name, (parent,), facts)
    return made
