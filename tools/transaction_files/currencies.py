"""Currencies by ISO 4217: their codes, numbers and decimals."""

import re

from tools.transaction_files.cells import Unfit

_IN_USE = """
AED784 AFN971 ALL008 AMD051 AOA973 ARS032 AUD036 AWG533 AZN944 BAM977 BBD052 BDT050 BHD048 BIF108 BMD060 BND096 BOB068
BOV984 BRL986 BSD044 BTN064 BWP072 BYN933 BZD084 CAD124 CDF976 CHE947 CHF756 CHW948 CLF990 CLP152 CNY156 COP170 COU970
CRC188 CUP192 CVE132 CZK203 DJF262 DKK208 DOP214 DZD012 EGP818 ERN232 ETB230 EUR978 FJD242 FKP238 GBP826 GEL981 GHS936
GIP292 GMD270 GNF324 GTQ320 GYD328 HKD344 HNL340 HTG332 HUF348 IDR360 ILS376 INR356 IQD368 IRR364 ISK352 JMD388 JOD400
JPY392 KES404 KGS417 KHR116 KMF174 KPW408 KRW410 KWD414 KYD136 KZT398 LAK418 LBP422 LKR144 LRD430 LSL426 LYD434 MAD504
MDL498 MGA969 MKD807 MMK104 MNT496 MOP446 MRU929 MUR480 MVR462 MWK454 MXN484 MXV979 MYR458 MZN943 NAD516 NGN566 NIO558
NOK578 NPR524 NZD554 OMR512 PAB590 PEN604 PGK598 PHP608 PKR586 PLN985 PYG600 QAR634 RON946 RSD941 RUB643 RWF646 SAR682
SBD090 SCR690 SDG938 SEK752 SGD702 SHP654 SLE925 SOS706 SRD968 SSP728 STN930 SVC222 SYP760 SZL748 THB764 TJS972 TMT934
TND788 TOP776 TRY949 TTD780 TWD901 TZS834 UAH980 UGX800 USD840 USN997 UYI940 UYU858 UYW927 UZS860 VED926 VES928 VND704
VUV548 WST882 XAD396 XAF950 XAG961 XAU959 XBA955 XBB956 XBC957 XBD958 XCD951 XCG532 XDR960 XOF952 XPD964 XPF953 XPT962
XSU994 XTS963 XUA965 XXX999 YER886 ZAR710 ZMW967 ZWG924
"""
_WITHDRAWN = """
ANG ATS BEF BGN BYR CUC CYP DEM EEK ESP FIM FRF GRD HRK IEP ITL LTL LUF LVL MRO MTL NLG PTE ROL SIT SKK SLL STD TRL VEF
ZMK ZWL
"""
"""Of the years that people still have data of (ISO 4217, list 3)."""

_DECIMALS = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    **dict.fromkeys(["CLF", "UYW"], 4),
}
_NAMES = {
    "dollar": "USD", "us dollar": "USD", "$": "USD", "us$": "USD", "euro": "EUR", "euros": "EUR", "€": "EUR",
    "uk pound": "GBP", "uk pounds": "GBP", "pound sterling": "GBP", "british pound": "GBP", "£": "GBP",
    "swiss franc": "CHF", "fr.": "CHF", "yen": "JPY", "japanese yen": "JPY", "yuan": "CNY", "chinese yuan": "CNY",
    "rmb": "CNY", "rupee": "INR", "indian rupee": "INR", "₹": "INR", "ruble": "RUB", "russian ruble": "RUB",
    "canadian dollar": "CAD", "australian dollar": "AUD", "mexican peso": "MXN", "brazil real": "BRL",
    "brazilian real": "BRL", "shekel": "ILS", "israeli shekel": "ILS", "saudi riyal": "SAR", "turkish lira": "TRY",
    "moroccan dirham": "MAD", "naira": "NGN", "nigerian naira": "NGN", "pakistani rupee": "PKR", "dirham": "AED",
    "albanian lek": "ALL", "kč": "CZK", "zł": "PLN",
}  # fmt: skip
"""Words that name one currency in data that people have: for hints, never taken without being told."""

_BY_NUMBER = {entry[3:]: entry[:3] for entry in _IN_USE.split()}
_CODES = {entry[:3] for entry in _IN_USE.split()} | set(_WITHDRAWN.split())
_LETTERS = re.compile("[A-Za-z]{3}")


def currency(cell: str) -> bytes:
    """The code of a currency by ISO 4217, given as three letters or as its number."""
    text = cell.strip()
    code = text.upper() if _LETTERS.fullmatch(text) else _BY_NUMBER.get(text.zfill(3), "")
    if code not in _CODES:
        raise Unfit(f"a currency by ISO 4217 such as EUR or 978{_hint(text)}")
    return code.encode()


def currency_of_name(text: str) -> str:
    """Return the code that a word names; empty if it names none or several."""
    return _NAMES.get(text.strip().lower(), "")


def decimals_of(code: bytes) -> int:
    """Return the number of decimals of a currency: 2 for most, 0 for JPY, 3 for KWD."""
    return _DECIMALS.get(code.decode(), 2)


def _hint(text: str) -> str:
    code = currency_of_name(text)
    if code:
        return f"; is it {code}? then --value 'currency:{text}={code}'"
    return (
        f"; --value 'currency:{text[:20]}=CODE' says which it is"
        if text
        else "; --default currency=EUR for empty cells"
    )
